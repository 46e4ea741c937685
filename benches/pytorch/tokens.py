"""Tokenises all texts of a .tsv with transformers' fast tokenizer, once for each line on the standard input, and prints
the seconds. All texts go to the tokenizer in one batch call, which uses all threads; reading the file is not timed."""

import sys
import time

from transformers import AutoTokenizer

model, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    header = next(file).rstrip("\n").split("\t")
    place = next(header.index(name) for name in ("sentence", "text") if name in header)
    texts = [line.rstrip("\n").split("\t")[place] for line in file]
tokenizer = AutoTokenizer.from_pretrained(model, use_fast=True)
print(len(texts), flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    ids = tokenizer(
        texts, truncation=True, max_length=128, return_attention_mask=False, return_token_type_ids=False
    )["input_ids"]
    seconds = time.perf_counter() - began
    print(seconds, sum(map(len, ids)), flush=True)
