"""Writes a data set as the hub keeps it in Parquet, made of golden/rows.tsv: two files to train with, one to
validate with, and one without labels (-1), as the test split of SST-2 has none.

Needs datasets:
    python tests/reference/hub_set.py tests/reference/golden/hub_set
"""

import sys
from pathlib import Path

import datasets

HERE = Path(__file__).resolve().parent
NAMES = ["calm", "glad", "sad"]


def write(rows: list, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)


def main(folder: Path) -> None:
    lines = (HERE / "golden" / "rows.tsv").read_text().splitlines()[1:]
    rows = [(text, NAMES.index(label)) for text, label in (line.split("\t") for line in lines)]
    write(rows[:120], folder / "default" / "train" / "0000.parquet")
    write(rows[120:], folder / "default" / "train" / "0001.parquet")
    write(rows[:40], folder / "default" / "validation" / "0000.parquet")
    write([(text, -1) for text, _ in rows[:5]], folder / "default" / "test" / "0000.parquet")


main(Path(sys.argv[1]))
