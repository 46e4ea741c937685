"""Writes the small data files of crates/columnar/tests/fixtures, and one table in many formats in
tests/whole/tables.

Needs pyarrow, pandas, polars and datasets:
    python tests/reference/tables.py crates/columnar/tests/fixtures tests/whole/tables
"""

import sys
from pathlib import Path

import datasets
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet

TEXTS = ["a warm day", "dull, and “long”", "two\nlines", None, "Grüße"]
LABELS = [1, 0, 1, 0, 1]
NAMES = ["neg", "pos"]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pandas.DataFrame({"text": TEXTS, "label": LABELS})
    frame.to_parquet(folder / "pandas.parquet", index=False)
    categories = frame.assign(text=frame.text.astype("category"), label=frame.label.astype(float))
    categories.to_parquet(folder / "category.parquet", index=False, compression="gzip")
    frame.to_feather(folder / "pandas.feather")
    polars.DataFrame({"text": TEXTS, "label": LABELS}).write_parquet(folder / "polars.parquet")
    polars.DataFrame({"text": TEXTS, "label": LABELS}).write_ipc(
        folder / "polars.arrow", compression="zstd"
    )
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)}
    )
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1, 0, -1]}, features=features)
    rows.to_parquet(folder / "datasets.parquet")
    with datasets.arrow_writer.ArrowWriter(
        features=features, path=str(folder / "datasets.arrow")
    ) as writer:
        for row in rows:
            writer.write({"text": row["text"], "label": row["label"]})
        writer.finalize()
    table = pyarrow.table(
        {
            "text": pyarrow.array(TEXTS, pyarrow.large_string()).dictionary_encode(),
            "label": pyarrow.array([True, False, True, False, True]),
            "vector": pyarrow.array([[1.0], [2.0], [3.0], [4.0], [5.0]]),
        }
    )
    plain = pyarrow.table({"text": pyarrow.array(TEXTS), "label": pyarrow.array(LABELS)})
    for name, encoding, version in [
        ("delta", "DELTA_BYTE_ARRAY", "2.0"),
        ("delta_length", "DELTA_LENGTH_BYTE_ARRAY", "1.0"),
    ]:
        encodings = {"text": encoding, "label": "DELTA_BINARY_PACKED"}
        options = {"use_dictionary": False, "column_encoding": encodings, "data_page_version": version}
        pyarrow.parquet.write_table(plain, folder / f"{name}.parquet", **options)
    for compression in ("lz4", "zstd"):
        pyarrow.parquet.write_table(
            table, folder / f"{compression}.parquet", compression=compression
        )


def one_table(folder: Path) -> None:
    """The same eight rows as each library writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [f"a {word} day" for word in "warm dull calm grey fine cold mild bleak".split()]
    labels = [1, 0] * 4
    frame = pandas.DataFrame({"text": texts, "label": labels})
    frame.to_csv(folder / "rows.tsv", index=False, sep="\t")
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "packed.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})
    frame.to_json(folder / "rows.json", orient="records")
    frame.to_json(folder / "columns.json")
    frame.to_json(folder / "rows.jsonl", orient="records", lines=True)
    lines = (folder / "rows.jsonl").read_bytes()
    packed = pyarrow.compress(lines, codec="zstd", asbytes=True)
    (folder / "packed.jsonl.zst").write_bytes(packed)
    frame.to_parquet(folder / "pandas.parquet", index=False)
    frame.to_feather(folder / "pandas.feather")
    polars.DataFrame({"text": texts, "label": labels}).write_parquet(folder / "polars.parquet")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)}
    )
    rows = datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)
    rows.to_parquet(folder / "datasets.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    one_table(Path(sys.argv[2]))
