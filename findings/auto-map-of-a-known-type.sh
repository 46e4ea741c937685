#!/usr/bin/env bash
# transformers ignores a checkpoint's own class, without a word, where the model's type is one that it knows.
#
# transformers 5.17.0 with torch 2.11.0 (PyPI), seen on 2026-11-28. A directory whose config.json has `auto_map` for
# AutoModelForSequenceClassification and a class of its own beside it, as for `trust_remote_code`: with the type
# `distilbert` and without trust, from_pretrained neither runs that class nor refuses. It takes its own
# DistilBertForSequenceClassification; tensors under other names are then replaced by random ones. With a type that it
# does not know it refuses. So a checkpoint whose head transformers lacks must not be of a known type.
#
# Prints what was found, and exits with 1 when a later version behaves differently from this description.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet install torch==2.11.0 transformers==5.17.0

cat >"$work/load.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import transformers
from transformers import AutoModelForSequenceClassification, DistilBertConfig, DistilBertForSequenceClassification

transformers.logging.set_verbosity_error()
place = Path(sys.argv[1])
config = DistilBertConfig(vocab_size=40, dim=16, n_layers=1, n_heads=2, hidden_dim=32, max_position_embeddings=16)
DistilBertForSequenceClassification(config).save_pretrained(place)
(place / "modeling_own.py").write_text(
    "from transformers import DistilBertForSequenceClassification\n\n"
    "class OwnClassifier(DistilBertForSequenceClassification):\n    pass\n"
)
written = json.loads((place / "config.json").read_text())
written["auto_map"] = {"AutoModelForSequenceClassification": "modeling_own.OwnClassifier"}
for kind, trust in [("distilbert", True), ("distilbert", False), ("unknown_type", False)]:
    (place / "config.json").write_text(json.dumps({**written, "model_type": kind}))
    try:
        model = AutoModelForSequenceClassification.from_pretrained(place, trust_remote_code=trust)
        outcome = type(model).__name__
    except ValueError:
        outcome = "refused"
    print(kind, "trusted" if trust else "not trusted", outcome)
PYTHON

HF_HUB_OFFLINE=1 "$work/venv/bin/python" "$work/load.py" "$work/model" 2>"$work/errors" | tee "$work/seen" || {
    cat "$work/errors" >&2
    exit 1
}

cat >"$work/expected" <<'TEXT'
distilbert trusted OwnClassifier
distilbert not trusted DistilBertForSequenceClassification
unknown_type not trusted refused
TEXT
diff "$work/expected" "$work/seen" || {
    echo "transformers behaves differently now" >&2
    exit 1
}
echo "as described"
