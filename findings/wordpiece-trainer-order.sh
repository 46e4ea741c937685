#!/usr/bin/env bash
# The WordPiece trainer of Hugging Face's tokenizers numbers its pieces differently in every run.
#
# tokenizers 0.22.1 (PyPI), seen on 2026-11-27. WordPieceTrainer, trained twice on the same texts, finds the same
# pieces both times and gives them other ids: in one process and in two. BpeTrainer gives the same ids each time.
# A model that is trained with the one vocabulary reads other words with the other, without an error. Ranks that each
# train a vocabulary must share one rank's result.
#
# Prints what was found, and exits with 1 when a later version behaves differently from this description.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet install tokenizers==0.22.1

cat >"$work/train.py" <<'PYTHON'
import hashlib
import json
import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXTS = [f"word{i % 37} and thing{i % 53} of part{i % 11}" for i in range(2000)]
KINDS = {"WordPiece": (models.WordPiece, trainers.WordPieceTrainer), "BPE": (models.BPE, trainers.BpeTrainer)}


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]


for name, (model, trainer) in KINDS.items():
    tokenizer = Tokenizer(model(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(TEXTS, trainer(vocab_size=300, special_tokens=["[UNK]"], show_progress=False))
    ids = sorted(tokenizer.get_vocab().items())
    print(tokenizers.__version__, name, "pieces", digest([piece for piece, _ in ids]), "ids", digest(ids))
PYTHON

for _ in 1 2 3; do
    "$work/venv/bin/python" "$work/train.py"
done | tee "$work/seen"

# Output seen:
# 0.22.1 WordPiece pieces 06b6acbe4f37 ids 7cf92e14027a
# 0.22.1 BPE pieces ef148647b6f6 ids 7e7820499e0a
# 0.22.1 WordPiece pieces 06b6acbe4f37 ids 98301f68e25b
# …

different() { grep " $1 " "$work/seen" | awk -v column="$2" '{ print $column }' | sort -u | wc -l; }
[[ $(different WordPiece 4) == 1 && $(different BPE 6) == 1 ]] || {
    echo "the pieces, or the ids of BPE, differ between runs now" >&2
    exit 1
}
[[ $(different WordPiece 6) -gt 1 ]] || {
    echo "the ids of WordPiece are the same in all runs now" >&2
    exit 1
}
echo "as described: WordPiece has the same pieces and other ids in each run"
