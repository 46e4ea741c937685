#!/usr/bin/env bash
# BertTokenizer and BertTokenizerFast cut a pair of texts to different tokens under `truncation="longest_first"`.
#
# transformers 4.57.1 with tokenizers 0.22.2 (PyPI), seen on 2026-11-28. Where both texts must be cut and the room is odd, the
# slow tokenizer gives the odd token to the first text, and the fast one to the second. So one data set of pairs has other
# tokens depending on which of the two was loaded, at the length that cuts it. transformers 5 has the fast way only.
#
# Needs python3 with its module venv. Prints what was found, and exits with 1 when a later version behaves differently from
# this description.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet transformers==4.57.1 tokenizers==0.22.2
cat >"$work/shown.py" <<'PYTHON'
import sys
from itertools import product

from transformers import BertTokenizer, BertTokenizerFast

vocabulary = sys.argv[1]
with open(vocabulary, "w") as file:
    file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijkl"]))
tokenizers = BertTokenizer(vocabulary), BertTokenizerFast(vocabulary)


def kept(tokenizer, first, second, room):
    texts = " ".join("abcdef"[:first]), " ".join("ghijkl"[:second])
    types = tokenizer(*texts, truncation="longest_first", max_length=room + 3)["token_type_ids"]
    return types.count(0) - 2, types.count(1) - 1


cut = [case for case in product(range(1, 7), range(1, 7), range(2, 12)) if case[0] + case[1] > case[2]]
for first, second, room in cut:
    slow, fast = (kept(tokenizer, first, second, room) for tokenizer in tokenizers)
    if slow != fast:
        print(f"{first} and {second} tokens into {room}: slow keeps {slow}, fast keeps {fast}")
PYTHON
"$work/python/bin/python" "$work/shown.py" "$work/vocab.txt" 2>/dev/null | tee "$work/seen"

# Output seen: 35 lines, of which the first are
# 2 and 2 tokens into 3: slow keeps (2, 1), fast keeps (1, 2)
# 2 and 3 tokens into 3: slow keeps (2, 1), fast keeps (1, 2)

[[ $(wc -l <"$work/seen") == 35 && $(head -n 1 "$work/seen") == *"slow keeps (2, 1), fast keeps (1, 2)" ]] || {
    echo "both tokenizers cut pairs in the same way now, or differently from this description" >&2
    exit 1
}
echo "as described: the odd token is the first text's in the slow tokenizer, the second's in the fast one"
