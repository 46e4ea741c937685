"""Makes the golden files of the parity tests: tiny checkpoints, and what PyTorch computes with them.

    python make_golden.py                   # writes tiny*/ and golden/ beside this program
    python make_golden.py --measure-noise   # writes nothing: how far float32 itself is from float64

tiny/       bare encoder, names without prefix (model.safetensors)
tiny-bin/   the same weights as pytorch_model.bin; of the tokenizer only vocab.txt
tiny-mlp/   the encoder under `bert.` and the `mlp` head under `classifier.0` and `classifier.3`
tiny-hf/    DistilBertForSequenceClassification with the same encoder

golden/rows.tsv                   200 labelled texts; 16 at a time in file order, over and over
golden/RUN.trace.jsonl            loss, gradient norm and rates of 40 updates without dropout
golden/RUN.final.safetensors      the weights after them
golden/recipe.gradients.safetensors   the first update's gradients, before clipping
golden/first_batch.jsonl          that update's examples: token ids and label
golden/bf16.jsonl                 how far PyTorch's bf16 autocast is from float32: the first gradient of
                                  `recipe`, relative to its norm, and the mean distance of its losses
golden/texts.jsonl                texts, their ids, the [CLS] state and both heads' logits, one at a time

RUN is `recipe` (tiny-mlp at the recipe's rates), `fast` (tiny-mlp at rates that move the weights) or
`hf` (tiny-hf at the fast rates; trace only).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import DistilBertForSequenceClassification, DistilBertModel, DistilBertTokenizer

import tiny_model
from compare_trace import relative_distance, worst_first
from recipe import (
    NO_DROPOUT,
    BERTClassifier,
    Corpus,
    HuggingFaceClassifier,
    Rates,
    build_optimizer,
    build_schedule,
    read_rows,
    update,
)

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
UPDATES = 40
BATCH = 16
RUNS = {"recipe": ("mlp", Rates()), "fast": ("mlp", Rates(1e-3, 5e-3)), "hf": ("hf", Rates(1e-3, 5e-3))}


def tokenizer() -> DistilBertTokenizer:
    ids = {token: i for i, token in enumerate(tiny_model.vocabulary())}
    return DistilBertTokenizer(vocab=ids)


def encode(texts: list[str]) -> dict[str, Tensor]:  # two of (B,T)
    kept = {"truncation": True, "max_length": tiny_model.MAX_TOKENS, "padding": "longest"}
    encoded = tokenizer()(texts, return_tensors="pt", **kept)
    return {name: encoded[name] for name in ("input_ids", "attention_mask")}


def write_vocabulary(directory: Path) -> None:
    (directory / "vocab.txt").write_text("\n".join(tiny_model.vocabulary()) + "\n", encoding="utf-8")


def write_checkpoints() -> None:
    """The four directories. Encoder and heads are drawn apart, so all four hold the same encoder."""
    config = tiny_model.config()
    encoder = DistilBertModel(config)
    tiny_model.fill(encoder, seed=1)
    encoder.save_pretrained(HERE / "tiny")
    tokenizer().save_pretrained(HERE / "tiny")
    write_vocabulary(HERE / "tiny")

    config.architectures = ["DistilBertModel"]
    config.save_pretrained(HERE / "tiny-bin")
    torch.save(encoder.state_dict(), HERE / "tiny-bin" / "pytorch_model.bin")
    write_vocabulary(HERE / "tiny-bin")

    mlp = BERTClassifier(encoder, len(tiny_model.LABELS))
    tiny_model.fill(mlp.classifier, seed=2)
    config.architectures = ["BERTClassifier"]
    config.save_pretrained(HERE / "tiny-mlp")
    save_file(mlp.state_dict(), HERE / "tiny-mlp" / "model.safetensors", metadata={"format": "pt"})
    tokenizer().save_pretrained(HERE / "tiny-mlp")

    hf = DistilBertForSequenceClassification(config)
    hf.distilbert.load_state_dict(encoder.state_dict())
    tiny_model.fill(hf.pre_classifier, seed=3)
    tiny_model.fill(hf.classifier, seed=4)
    hf.save_pretrained(HERE / "tiny-hf")
    tokenizer().save_pretrained(HERE / "tiny-hf")
    write_vocabulary(HERE / "tiny-hf")


def load_classifier(head: str, precision: torch.dtype) -> nn.Module:
    """The starting model of a run as it was written, without dropout."""
    if head == "hf":
        inner = DistilBertForSequenceClassification.from_pretrained(HERE / "tiny-hf", **NO_DROPOUT)
        return HuggingFaceClassifier(inner).to(precision)
    encoder = DistilBertModel.from_pretrained(HERE / "tiny", **NO_DROPOUT)
    model = BERTClassifier(encoder, len(tiny_model.LABELS), head_dropout=0.0)
    model.load_state_dict(load_file(HERE / "tiny-mlp" / "model.safetensors"), strict=True)
    return model.to(precision)


def batches() -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """File order without end; the last batch of an epoch is the smaller one."""
    labels = {name: i for i, name in enumerate(tiny_model.LABELS)}
    corpus = Corpus(read_rows(GOLDEN / "rows.tsv"), labels)
    while True:
        yield from corpus.batches(list(range(len(corpus))), BATCH, encode)


def run_updates(model: nn.Module, rates: Rates) -> list[dict]:
    """The trace of `UPDATES` updates, after which the model holds the final weights."""
    optimizer = build_optimizer(model.train(), rates)
    schedule = build_schedule(optimizer, UPDATES)
    trace = []
    for step, (inputs, labels) in zip(range(1, UPDATES + 1), batches()):
        report = update(model, optimizer, schedule, inputs, labels)
        sizes = {"examples": len(labels), "tokens": int(inputs["attention_mask"].sum())}
        trace.append({"step": step, **report, **sizes})
    return trace


def first_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Gradients of the mean loss of the first batch, by the names of our `model.safetensors`."""
    inputs, labels = next(batches())
    loss = nn.functional.cross_entropy(model(**inputs), labels)
    names, parameters = zip(*model.named_parameters())
    return dict(zip(names, torch.autograd.grad(loss, parameters)))


def first_batch() -> list[dict]:
    inputs, labels = next(batches())
    rows = zip(inputs["input_ids"], inputs["attention_mask"].bool(), labels.tolist())
    return [{"ids": ids[mask].tolist(), "label": label} for ids, mask, label in rows]


@torch.no_grad()
def probe(mlp: nn.Module, hf: nn.Module) -> list[dict]:
    """What each text gives on its own, in evaluation mode."""
    answers = []
    for text in tiny_model.probe_texts():
        inputs = encode([text])
        state = mlp.eval().bert(**inputs).last_hidden_state[0, 0]  # (D)
        answers.append(
            {
                "text": text,
                "ids": inputs["input_ids"][0].tolist(),
                "logits_mlp": digits(mlp(**inputs)[0]),
                "logits_hf": digits(hf.eval()(**inputs)[0]),
                "state": digits(state),
            }
        )
    return answers


def digits(values: Tensor) -> list[float]:
    """Nine significant digits, which is all that float32 has."""
    return [float(f"{value:.9g}") for value in values.tolist()]


def autocast_distances() -> dict[str, float]:
    """How far PyTorch's own bf16 passes are from float32: what ours are measured by."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = first_gradients(load_classifier("mlp", torch.float32))
        trace = run_updates(load_classifier("mlp", torch.float32), RUNS["recipe"][1])
    exact = load_file(GOLDEN / "recipe.gradients.safetensors")
    apart = sum(float((rounded[name] - exact[name]).square().sum()) for name in exact)
    whole = sum(float(exact[name].square().sum()) for name in exact)
    golden = [json.loads(line) for line in (GOLDEN / "recipe.trace.jsonl").open()]
    losses = [abs(theirs["loss"] - ours["loss"]) for theirs, ours in zip(trace, golden)]
    return {"gradient": (apart / whole) ** 0.5, "loss": sum(losses) / len(losses)}


def write_lines(path: Path, lines: list[dict]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def write_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    tiny_model.write_rows(GOLDEN / "rows.tsv", count=200)
    write_checkpoints()
    write_lines(GOLDEN / "first_batch.jsonl", first_batch())
    for run, (head, rates) in RUNS.items():
        model = load_classifier(head, torch.float32)
        if run == "recipe":
            save_file(first_gradients(model), GOLDEN / "recipe.gradients.safetensors")
        write_lines(GOLDEN / f"{run}.trace.jsonl", run_updates(model, rates))
        if head == "mlp":
            save_file(model.state_dict(), GOLDEN / f"{run}.final.safetensors")
    models = [load_classifier(head, torch.float32) for head in ("mlp", "hf")]
    write_lines(GOLDEN / "texts.jsonl", probe(*models))
    write_lines(GOLDEN / "bf16.jsonl", [autocast_distances()])


def measure_noise() -> None:
    """Largest distance of the golden values from the same program in float64."""
    for run, (head, rates) in RUNS.items():
        model = load_classifier(head, torch.float64)
        if run == "recipe":
            golden = load_file(GOLDEN / "recipe.gradients.safetensors")
            print_distances("first gradient", golden, first_gradients(model))
        trace = run_updates(model, rates)
        golden = [json.loads(line) for line in (GOLDEN / f"{run}.trace.jsonl").open()]
        loss = max(abs(ours["loss"] - theirs["loss"]) for ours, theirs in zip(golden, trace))
        norm = max(abs(ours["grad_norm"] / theirs["grad_norm"] - 1) for ours, theirs in zip(golden, trace))
        print(f"{run}: loss {loss:.1e}, gradient norm {norm:.1e} relative")
        if head == "mlp":
            print_distances(f"{run}: weight", load_file(GOLDEN / f"{run}.final.safetensors"), model.state_dict())


def print_distances(title: str, rounded: dict[str, Tensor], exact: dict[str, Tensor]) -> None:
    apart = {name: relative_distance(name, rounded, exact) for name in exact}
    for name in worst_first(apart)[:5]:
        print(f"  {title} {name}: {apart[name]:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure-noise", action="store_true")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if parser.parse_args().measure_noise:
        measure_noise()
    else:
        write_golden()
