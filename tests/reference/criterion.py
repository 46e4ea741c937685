"""Makes golden/criterion.jsonl: PyTorch's CrossEntropyLoss(weight=, label_smoothing=), in float64.

    python criterion.py

A line with `logits` has a batch of random logits: the mean loss and its gradient. A line with `rows` has the first rows
of golden/rows.tsv through tiny-hf without dropout: the mean loss, and the norm of the gradient of all weights.
Everything is drawn from a fixed seed.
"""

import csv
import json
import random
from pathlib import Path

import torch
from torch.nn import CrossEntropyLoss
from transformers import AutoModelForSequenceClassification, AutoTokenizer

HERE = Path(__file__).parent
ROWS = 16
LABELS = ["calm", "glad", "sad"]
# (weights, smoothing)
CASES = [
    (None, 0.0),
    ([0.5, 2.0, 1.25], 0.0),
    (None, 0.1),
    ([0.5, 2.0, 1.25], 0.1),
    ([1e-3, 30.0, 4.0], 0.9),
]


def loss_of(weights, smoothing) -> CrossEntropyLoss:
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    return CrossEntropyLoss(weight=weight, label_smoothing=smoothing)


def logits_case(rng: random.Random, weights, smoothing) -> dict:
    logits = [[round(rng.uniform(-9, 9), 3) for _ in LABELS] for _ in range(7)]
    labels = [rng.randrange(len(LABELS)) for _ in logits]
    # As float32 holds them.
    tensor = torch.tensor(logits, dtype=torch.float32).double().requires_grad_()
    loss = loss_of(weights, smoothing)(tensor, torch.tensor(labels))
    loss.backward()
    return {"logits": logits, "labels": labels, "loss": loss.item(), "gradient": tensor.grad.flatten().tolist()}


def rows_case(weights, smoothing) -> dict:
    with open(HERE / "golden/rows.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:ROWS]
    tokenizer = AutoTokenizer.from_pretrained(HERE / "tiny-hf")
    model = AutoModelForSequenceClassification.from_pretrained(HERE / "tiny-hf").double().eval()
    inputs = tokenizer([row["text"] for row in rows], padding=True, truncation=True, max_length=128, return_tensors="pt")
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    labels = torch.tensor([LABELS.index(row["label"]) for row in rows])
    loss = loss_of(weights, smoothing)(logits, labels)
    loss.backward()
    squares = sum(weight.grad.square().sum().item() for weight in model.parameters() if weight.grad is not None)
    return {"rows": ROWS, "loss": loss.item(), "grad_norm": squares**0.5}


def main() -> None:
    rng = random.Random(7)
    with open(HERE / "golden/criterion.jsonl", "w") as file:
        for weights, smoothing in CASES:
            for case in [logits_case(rng, weights, smoothing), rows_case(weights, smoothing)]:
                file.write(json.dumps({"weights": weights or [], "smoothing": smoothing, **case}) + "\n")


main()
