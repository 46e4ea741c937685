"""The fine-tuning recipe in plain PyTorch: the peer that Lockstep's results are compared with.

Owns the model (a DistilBERT encoder, the [CLS] state, a small head), the optimiser's two groups,
the schedule and the loop, and nothing else. `make_golden.py` and `read_back.py` take their pieces from
here, so that there is one statement of the recipe to read and to trust.

Shapes: B examples, T longest, D width, K classes.

    python recipe.py --model DIR --train-file train.csv --validation-file test.csv --dynamic-padding

prints one JSON line an epoch.
"""

import argparse
import csv
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DistilBertModel

WEIGHT_DECAY = 0.01
WARMUP_SHARE = 0.1
CLIP_NORM = 1.0
HEAD_DROPOUT = 0.3
NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}


class BERTClassifier(nn.Module):
    """Encoder and `mlp` head; its attribute names are the tensor names of our `model.safetensors`."""

    def __init__(self, encoder: DistilBertModel, classes: int, head_dropout: float = HEAD_DROPOUT):
        super().__init__()
        width = encoder.config.dim
        self.bert = encoder
        self.classifier = nn.Sequential(
            nn.Linear(width, width // 2),
            nn.GELU(),
            nn.Dropout(head_dropout),
            nn.Linear(width // 2, classes),
        )
        nn.init.xavier_uniform_(self.classifier[0].weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # (B,T) (B,T) -> (B,K)
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B,T,D)
        return self.classifier(states[:, 0])


class HuggingFaceClassifier(nn.Module):
    """The `hf` head: `DistilBertForSequenceClassification` behind the same call as `BERTClassifier`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    @property
    def bert(self) -> nn.Module:
        return self.model.distilbert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # (B,T) (B,T) -> (B,K)
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of the two groups."""

    encoder: float = 2e-5
    head: float = 1e-4


def build_classifier(options: argparse.Namespace, classes: int) -> nn.Module:
    changes = NO_DROPOUT if options.no_dropout else {}
    if options.head == "hf":
        model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=classes, **changes)
        return HuggingFaceClassifier(model)
    encoder = DistilBertModel.from_pretrained(options.model, **changes)
    return BERTClassifier(encoder, classes, 0.0 if options.no_dropout else HEAD_DROPOUT)


def build_optimizer(model: nn.Module, rates: Rates) -> torch.optim.AdamW:
    """AdamW with a group for the encoder and one for everything else; all parameters decay."""
    encoder = list(model.bert.parameters())
    known = {id(parameter) for parameter in encoder}
    head = [parameter for parameter in model.parameters() if id(parameter) not in known]
    groups = [{"params": encoder, "lr": rates.encoder}, {"params": head, "lr": rates.head}]
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)


def build_schedule(optimizer: torch.optim.AdamW, updates: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up from zero, then a straight line down to zero at `updates`."""
    warmup = int(updates * WARMUP_SHARE)

    def share(done: int) -> float:
        if done < warmup:
            return done / warmup
        return (updates - done) / (updates - warmup)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def read_rows(path: Path) -> list[tuple[str, str]]:
    """(text, label) of a .csv or .tsv file: the first two columns after a header line."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            rows = list(csv.reader(file))
        else:
            rows = [line.rstrip("\r\n").split("\t") for line in file]
    return [(row[0], row[1]) for row in rows[1:]]


def label_ids(rows: list[tuple[str, str]]) -> dict[str, int]:
    """Labels in the order of their ids: by value if all are integers, else lexicographically."""
    names = {label for _, label in rows}
    by_value = all(name.lstrip("-").isdecimal() for name in names)
    return {name: i for i, name in enumerate(sorted(names, key=int if by_value else str))}


class Corpus:
    """Texts with label ids, and the batches made of them."""

    def __init__(self, rows: list[tuple[str, str]], labels: dict[str, int]):
        self.texts = [text for text, _ in rows]
        self.labels = torch.tensor([labels[label] for _, label in rows])

    def __len__(self) -> int:
        return len(self.texts)

    def batches(self, order: list[int], size: int, encode) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """Inputs (B,T) and labels (B) of each batch; the last one may be smaller."""
        for start in range(0, len(order), size):
            places = order[start : start + size]
            yield encode([self.texts[place] for place in places]), self.labels[places]


@torch.no_grad()
def accuracy(model: nn.Module, corpus: Corpus, encode) -> float:
    model.eval()
    hits = 0
    for inputs, labels in corpus.batches(list(range(len(corpus))), 64, encode):
        hits += (model(**inputs).argmax(dim=1) == labels).sum().item()
    model.train()
    return hits / len(corpus)


def update(model: nn.Module, optimizer, schedule, inputs: dict[str, Tensor], labels: Tensor) -> dict:
    """One update; reports what `metrics.jsonl` reports, the rates being those that were used."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(**inputs), labels)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.step()
    schedule.step()
    return {"loss": loss.item(), "grad_norm": norm.item(), "lr": rates}


def train(options: argparse.Namespace) -> None:
    rows = read_rows(options.train_file)
    names = label_ids(rows)
    corpus = Corpus(rows, names)
    held_out = Corpus(read_rows(options.validation_file), names)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    padding = "longest" if options.dynamic_padding else "max_length"

    def encode(texts: list[str]) -> dict[str, Tensor]:
        kept = {"truncation": True, "max_length": options.max_seq_length, "padding": padding}
        encoded = tokenizer(texts, return_tensors="pt", **kept)
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}

    model = build_classifier(options, len(names)).train()
    optimizer = build_optimizer(model, Rates(options.learning_rate, options.head_learning_rate))
    updates_per_epoch = -(-len(corpus) // options.batch_size)
    schedule = build_schedule(optimizer, options.num_train_epochs * updates_per_epoch)
    order = list(range(len(corpus)))
    shuffle = random.Random(options.seed).shuffle
    for epoch in range(1, options.num_train_epochs + 1):
        started = time.monotonic()
        if not options.no_shuffle:
            shuffle(order)
        batches = corpus.batches(order, options.batch_size, encode)
        losses = [update(model, optimizer, schedule, *batch)["loss"] for batch in batches]
        line = {
            "epoch": epoch,
            "train_loss": sum(losses) / len(losses),
            "train_seconds": round(time.monotonic() - started, 1),
            "validation_accuracy": accuracy(model, held_out, encode),
        }
        print(json.dumps(line), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory of a Hugging Face DistilBERT")
    parser.add_argument("--head", choices=("mlp", "hf"), default="mlp")
    parser.add_argument("--train-file", type=Path, required=True)
    parser.add_argument("--validation-file", type=Path, required=True)
    parser.add_argument("--num-train-epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=Rates.encoder)
    parser.add_argument("--head-learning-rate", type=float, default=Rates.head)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-dropout", action="store_true")
    parser.add_argument("--no-shuffle", action="store_true", help="take the examples in file order")
    parser.add_argument("--dynamic-padding", action="store_true", help="pad to a batch's longest text only")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = parse_options()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    train(chosen)
