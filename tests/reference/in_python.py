"""What Python makes of directories that we wrote, and of the code that our documents show.

    in_python.py pipeline --checkpoint OUT --input FILE --predictions OUT.jsonl [--max-seq-length N]
    in_python.py document --document README.md --checkpoint OUT --input FILE --predictions OUT.jsonl

`pipeline` does what the model card of OUT says and compares the scores with what `trainer predict --checkpoint
OUT --input FILE --format jsonl` answered; where the card says trust_remote_code, it also sees that nothing is
loaded without. `document` runs each ```python block of a document, in one order and one namespace, in which
`directory` and every path `runs/...` are OUT; a `model` that a block leaves is compared with the predictions.
FILE holds one text a line. Both print a line a check, and end with 1 if one failed.
"""

import argparse
import inspect
import io
import json
import re
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, logging, pipeline

from read_back import Checks, label_names

TOLERANCE = 1e-4


def answers(options: argparse.Namespace) -> list[dict[str, float]]:
    """Our probabilities by class, one map a text."""
    lines = options.predictions.read_text(encoding="utf-8").splitlines()
    names = label_names(options.checkpoint)
    found = [json.loads(line)["probabilities"] for line in lines]
    return [dict(zip(names, row)) if isinstance(row, list) else row for row in found]


def texts(options: argparse.Namespace) -> list[str]:
    return options.input.read_text(encoding="utf-8").splitlines()


def farthest(found: list[dict[str, float]], expected: list[dict[str, float]]) -> list[float]:
    assert len(found) == len(expected) > 0
    assert all(set(a) == set(b) for a, b in zip(found, expected)), (found[0], expected[0])
    return [abs(a[name] - b[name]) for a, b in zip(found, expected) for name in b]


def check_pipeline(options: argparse.Namespace) -> int:
    checks = Checks()
    card = (options.checkpoint / "README.md").read_text(encoding="utf-8")
    promises = "library_name: transformers\npipeline_tag: text-classification" in card
    checks.that(promises, "the card promises a text-classification pipeline of transformers")
    for block in blocks(card):
        place = {}
        exec(block.replace('"DIR"', repr(str(options.checkpoint))), place)
        scores = place["classify"](texts(options), truncation=True, max_length=options.max_seq_length, top_k=None)
        found = [{entry["label"]: entry["score"] for entry in row} for row in scores]
        checks.close(farthest(found, answers(options)), TOLERANCE, f"the card's pipeline, {len(found)} texts")
    trusts = "trust_remote_code=True" in card
    checks.that(("custom_code" in card) == trusts, "the card's tag says whether code is needed")
    if trusts:
        refused(options.checkpoint, checks)
        fresh(options.checkpoint, checks)
    return 1 if checks.failed else 0


def refused(directory: Path, checks: Checks) -> None:
    """Nothing may answer from random weights."""
    sys.stdin = io.StringIO("")  # where transformers would ask
    ways = {
        "pipeline": lambda: pipeline("text-classification", str(directory)),
        "AutoModelForSequenceClassification": lambda: AutoModelForSequenceClassification.from_pretrained(directory),
        "AutoModel": lambda: AutoModel.from_pretrained(directory),
        "pipeline without code": lambda: pipeline("text-classification", str(directory), trust_remote_code=False),
    }
    for name, load in ways.items():
        try:
            load()
            checks.that(False, f"{name} refuses without trust_remote_code")
        except ValueError as error:
            checks.that("trust_remote_code" in str(error), f"{name} refuses and names trust_remote_code")
    AutoTokenizer.from_pretrained(directory)
    checks.that(True, "AutoTokenizer needs no code")


def fresh(directory: Path, checks: Checks) -> None:
    """All tensors are taken, and a head for other classes starts as ours does."""
    load = AutoModelForSequenceClassification.from_pretrained
    model, report = load(directory, trust_remote_code=True, output_loading_info=True)
    left = [key for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in report[kind]]
    checks.that(not left, f"the class takes every tensor {left or ''}")
    config = model.config
    again = AutoModelForSequenceClassification.from_config(config, trust_remote_code=True).state_dict()
    bounds = {"classifier.0.weight": (4 / config.hidden_size) ** 0.5, "classifier.3.weight": (2 / config.hidden_size) ** 0.5}
    for name, bound in bounds.items():
        largest = again[name].abs().max().item()
        checks.that(0.8 * bound < largest <= bound, f"fresh {name} is uniform within {bound:.3f} ({largest:.3f})")


def blocks(document: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", document, re.MULTILINE | re.DOTALL)


def check_document(options: argparse.Namespace) -> int:
    checks = Checks()
    directory = str(options.checkpoint)
    is_hf = "classifier.0.weight" not in weights(options.checkpoint)
    compared = 0
    for index, block in enumerate(blocks(options.document.read_text(encoding="utf-8"))):
        if ("AutoModelForSequenceClassification" in block) != is_hf:
            continue
        place = {"directory": directory}
        exec(re.sub(r'"runs/\w+"', repr(directory), block), place)
        checks.that(True, f"block {index + 1} of {options.document.name} runs")
        if "model" in place:
            compared += 1
            compare(place["model"], options, checks)
            starts(place, checks)
    checks.that(compared > 0, f"{compared} models of the document were compared")
    return 1 if checks.failed else 0


def weights(directory: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(directory / "model.safetensors", "pt") as file:
        return list(file.keys())


@torch.no_grad()
def compare(model: torch.nn.Module, options: argparse.Namespace, checks: Checks) -> None:
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    names, found = label_names(options.checkpoint), []
    for text in texts(options):
        inputs = tokenizer(text, truncation=True, max_length=options.max_seq_length, return_tensors="pt")
        logits = model(inputs["input_ids"], inputs["attention_mask"])
        logits = getattr(logits, "logits", logits)
        found.append(dict(zip(names, logits[0].softmax(0).tolist())))
    checks.close(farthest(found, answers(options)), TOLERANCE, f"the document's model, {len(found)} texts")


def starts(place: dict, checks: Checks) -> None:
    """A class that the document shows starts its head as the recipe does."""
    for shown in [value for value in place.values() if inspect.isclass(value) and value.__module__ == "builtins"]:
        model = shown(place["model"].bert.config)
        bound = (4 / model.bert.config.hidden_size) ** 0.5  # Xavier: (6 / (D + D/2)) ** 0.5
        largest = model.classifier[0].weight.abs().max().item()
        checks.that(0.8 * bound < largest <= bound, f"fresh {shown.__name__} has Xavier's bound {bound:.3f} ({largest:.3f})")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=("pipeline", "document"))
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--document", type=Path)
    parser.add_argument("--max-seq-length", type=int, default=128)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    chosen = parse_options()
    sys.exit(check_pipeline(chosen) if chosen.check == "pipeline" else check_document(chosen))
