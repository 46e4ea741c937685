"""Makes real_files.json: what Hugging Face's tokenizer makes of whole public data sets.

    python real_files.py FOLDER  # models/minilm-distilbert, data/sst2 and data/banking77 under it

Each file is told by counts and by the fingerprint of `TokenStore`; all labels are taken as 0.
"""

import csv
import json
import pathlib
import sys

from tokenizer import HERE, LENGTHS, TEXTS, encode
from transformers import AutoTokenizer

FILES = ["sst2/dev.tsv", "sst2/train-phrases.tsv", "banking77/test.csv"]


def fingerprint(ids):
    """FNV-1a over 32-bit words: the lengths, the token numbers, the labels."""
    value = 0xCBF29CE484222325
    words = [len(row) for row in ids] + [word for row in ids for word in row] + [0] * len(ids)
    for word in words:
        value = ((value ^ word) * 0x100000001B3) % 2**64
    return value


def texts(path):
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [line.split("\t")[0] for line in lines[1:]]


def main():
    root = pathlib.Path(sys.argv[1])
    python = AutoTokenizer.from_pretrained(root / "models/minilm-distilbert")
    files = []
    for name in FILES:
        rows = texts(root / "data" / name)
        whole = [len(row) for row in python(rows)["input_ids"]]
        for length in LENGTHS:
            ids = encode(python, rows, length)
            files.append(
                {
                    "file": name,
                    "max": length,
                    "texts": len(ids),
                    "tokens": sum(map(len, ids)),
                    "truncated": sum(tokens > length for tokens in whole),
                    "fingerprint": f"{fingerprint(ids):016x}",
                }
            )
    odd = {str(length): encode(python, TEXTS, length) for length in LENGTHS}
    lines = ",\n".join(json.dumps(row) for row in files)
    odd = json.dumps(odd, separators=(",", ":"))
    (HERE / "real_files.json").write_text(f'{{"files":[\n{lines}],\n"odd":{odd}}}\n')


if __name__ == "__main__":
    main()
