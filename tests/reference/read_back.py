"""Python reads what we wrote, and writes what we read.

    read_back.py check  --checkpoint OUT --input FILE --predictions OUT.jsonl
    read_back.py make   --encoder DIR --head mlp|hf --output DIR [--labels a,b] [--weights FILE]
    read_back.py logits --checkpoint DIR --input FILE --output FILE.jsonl

`check` loads an output directory as a user would, computes the logits of the texts of FILE and compares them
with what `trainer predict --checkpoint OUT --input FILE --output OUT.jsonl` answered. It prints one line a check
and ends with 1 if one failed. `make` writes a checkpoint with Python (a head from a seed, or all weights from
FILE), for us to load; `predict` and `check` then close the circle. `logits` writes what Python computes, one text
at a time.

FILE holds one text a line, or is a .tsv, .csv or .jsonl whose text column is named or the first.
"""

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
)

from recipe import BERTClassifier, HuggingFaceClassifier

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")


class Checks:
    """Prints each check as it is made and remembers whether one failed."""

    failed = 0

    def that(self, holds: bool, what: str) -> None:
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'}  {what}", flush=True)

    def close(self, distances: list[float], tolerance: float, what: str) -> None:
        distance = torch.tensor([0.0, *distances]).max().item()  # unlike max(), not a number if one of them is not
        self.that(distance <= tolerance, f"{what}: largest difference {distance:.1e}, allowed {tolerance:.0e}")


def check(options: argparse.Namespace) -> int:
    checks = Checks()
    model = load(options.checkpoint, checks)
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    checks.that(tokenizer.is_fast, f"AutoTokenizer reads the tokenizer ({type(tokenizer).__name__})")
    names = label_names(options.checkpoint)
    texts = read_texts(options.input, options.text_column)
    answers = [json.loads(line) for line in options.predictions.open(encoding="utf-8")]
    checks.that(len(texts) == len(answers), f"{len(answers)} answers to {len(texts)} texts")
    pairs = [(text, answer) for text, answer in zip(texts, answers) if "error" not in answer]
    checks.that(bool(pairs), f"{len(pairs)} of the answers are not errors")
    run = runner(model, tokenizer, options.max_seq_length)
    compare([(run(text), answer) for text, answer in pairs], names, options.tolerance, checks)
    return 1 if checks.failed else 0


def compare(pairs: list[tuple[Tensor, dict]], names: list[str], tolerance: float, checks: Checks) -> None:
    """Python's logits (K) against our answers, whichever of logits, probabilities and label they carry."""
    logits, probabilities, strangers = [], [], 0
    for expected, answer in pairs:
        if "logits" in answer:
            logits.append((expected - torch.tensor(answer["logits"])).abs().max().item())
        if "probabilities" in answer:
            ours = torch.tensor(in_order(answer["probabilities"], names))
            probabilities.append((expected.softmax(0) - ours).abs().max().item())
        strangers += not is_best(expected, names, answer["label"], tolerance)
    checks.that(bool(logits or probabilities), "the answers carry numbers to compare")
    checks.close(logits, tolerance, f"logits of {len(logits)} texts")
    checks.close(probabilities, tolerance, f"probabilities of {len(probabilities)} texts")
    checks.that(strangers == 0, f"label is the name of the largest logit ({strangers} are not)")


def in_order(probabilities: dict[str, float] | list[float], names: list[str]) -> list[float]:
    """By id; a name that is absent counts as infinite, which is never close."""
    if isinstance(probabilities, list):
        return probabilities
    return [probabilities.get(name, float("inf")) for name in names]


def is_best(logits: Tensor, names: list[str], label: str | int, tolerance: float) -> bool:
    """Whether `label` has the largest logit, or one that the tolerance cannot tell from it."""
    if str(label) not in names:
        return False
    return bool(logits.max() - logits[names.index(str(label))] <= 2 * tolerance)


def load(directory: Path, checks: Checks) -> nn.Module:
    """The classifier of a directory, in the way that its head asks for."""
    weights = load_file(directory / "model.safetensors")
    if "pre_classifier.weight" in weights:
        model, report = AutoModelForSequenceClassification.from_pretrained(directory, output_loading_info=True)
        kinds = ("missing_keys", "unexpected_keys", "mismatched_keys")
        left = sorted(str(key) for kind in kinds for key in report[kind])
        checks.that(not left, f"AutoModelForSequenceClassification takes every tensor {left or ''}")
        return HuggingFaceClassifier(model).eval()
    classes = weights["classifier.3.bias"].shape[0]
    model = BERTClassifier(DistilBertModel(DistilBertConfig.from_pretrained(directory)), classes)
    try:
        model.load_state_dict(weights, strict=True)
        checks.that(True, "BERTClassifier takes every tensor with strict=True")
    except RuntimeError as fault:
        checks.that(False, f"BERTClassifier takes every tensor with strict=True: {fault}")
    return model.eval()


def label_names(directory: Path) -> list[str]:
    names = DistilBertConfig.from_pretrained(directory).id2label
    return [names[i] for i in sorted(names)]


def runner(model: nn.Module, tokenizer, longest: int) -> Callable[[str], Tensor]:
    """Text -> logits (K), each text alone and so without padding."""

    @torch.no_grad()
    def run(text: str) -> Tensor:
        inputs = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
        return model(inputs["input_ids"], inputs["attention_mask"])[0]

    return run


def read_texts(path: Path, column: str | None) -> list[str]:
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.open(encoding="utf-8")]
        return [row[column or next(iter(row))] for row in rows]
    if path.suffix not in (".tsv", ".csv"):
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            rows = list(csv.reader(file))
        else:
            rows = [line.rstrip("\r\n").split("\t") for line in file]
    place = rows[0].index(column) if column else 0
    return [row[place] for row in rows[1:]]


def make(options: argparse.Namespace) -> int:
    """A checkpoint under our names, written by Python alone."""
    torch.manual_seed(options.seed)
    names = options.labels.split(",") if options.labels else ["LABEL_0", "LABEL_1"]
    config = AutoConfig.from_pretrained(options.encoder)
    config.id2label, config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    options.output.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (options.encoder / name).exists():
            shutil.copyfile(options.encoder / name, options.output / name)
    if options.head == "hf":
        model = DistilBertForSequenceClassification.from_pretrained(options.encoder, config=config)
    else:
        model = BERTClassifier(DistilBertModel.from_pretrained(options.encoder, config=config), len(names))
    if options.weights:
        model.load_state_dict(load_file(options.weights), strict=True)
    config.architectures = [type(model).__name__]
    config.save_pretrained(options.output)
    save_file(model.state_dict(), options.output / "model.safetensors", metadata={"format": "pt"})
    return 0


def write_logits(options: argparse.Namespace) -> int:
    checks = Checks()
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    run = runner(load(options.checkpoint, checks), tokenizer, options.max_seq_length)
    with options.output.open("w", encoding="utf-8") as file:
        for text in read_texts(options.input, options.text_column):
            ids = tokenizer(text, truncation=True, max_length=options.max_seq_length)["input_ids"]
            line = {"text": text, "tokens": len(ids), "ids": ids, "logits": run(text).tolist()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 1 if checks.failed else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("--checkpoint", type=Path, required=True)
    reading.add_argument("--input", type=Path, required=True)
    reading.add_argument("--text-column")
    reading.add_argument("--max-seq-length", type=int, default=128)

    command = commands.add_parser("check", parents=[reading])
    command.add_argument("--predictions", type=Path, required=True)
    command.add_argument("--tolerance", type=float, default=1e-4)
    command.set_defaults(run=check)

    command = commands.add_parser("logits", parents=[reading])
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=write_logits)

    command = commands.add_parser("make")
    command.add_argument("--encoder", type=Path, required=True)
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--head", choices=("mlp", "hf"), default="mlp")
    command.add_argument("--labels", help="names by id, comma between them")
    command.add_argument("--weights", type=Path, help="take all weights from this .safetensors instead of a fresh head")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=make)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = parse_options()
    sys.exit(chosen.run(chosen))
