"""PyTorch and transformers at their fastest on a CPU, as a worker: what Lockstep's speed is compared with.

Owns one setting (a precision and a way of padding) for as long as it lives, so that its peak memory is
that of this setting. The model is the reference's (`tests/reference/recipe.py`), with its dropout; fast
are the fused AdamW, the scaled dot-product attention, all threads, and no gradient kept as zeros.

One JSON value a line, first `{"ready": versions}` from here, then request and answer in turn:

    {"update": {"batch": 3}}  {"update": {"input": s, "forward": s, "backward": s, "clip": s, "update": s}}
    {"infer": {"batch": 3}}   {"seconds": s}             no gradient, no dropout
    "pass"                    {"seconds": s}             `infer` over all batches, and the classes found
    {"loss": {"batch": 3}}    {"loss": mean over the batch}   no dropout; shows that both do the same work
    "memory"                  {"bytes": peak resident memory of this process}

Shapes: B examples, T longest.
"""

import argparse
import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import DistilBertConfig, DistilBertModel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "reference"))
from recipe import CLIP_NORM, WEIGHT_DECAY, BERTClassifier, Rates, build_schedule

FIXED_LENGTH = 128
GROUP_BATCHES = 50  # batches among which transformers' LengthGroupedSampler sorts
UPDATES = 10_000  # of the schedule; the first tenth warms up


class Batches:
    """Token ids and labels of batches, padded when they are asked for."""

    def __init__(self, path: Path, padding: str):
        self.padding = padding
        with path.open(encoding="utf-8") as file:
            self.batches = [self.unpacked(json.loads(line)) for line in file]
        if padding == "grouped":
            self.batches = grouped(self.batches)

    def __len__(self) -> int:
        return len(self.batches)

    @staticmethod
    def unpacked(packed: dict) -> list[tuple[list[int], int]]:
        """The examples of a batch: (ids, label)."""
        offsets = packed["offsets"]
        spans = zip(offsets, offsets[1:])
        return [(packed["ids"][start:end], label) for (start, end), label in zip(spans, packed["labels"])]

    def padded(self, index: int) -> tuple[Tensor, Tensor | None, Tensor]:
        """ids (B,T), mask (B,T) or nothing where no token is padding, labels (B)."""
        batch = self.batches[index]
        longest = FIXED_LENGTH if self.padding == "fixed" else max(len(ids) for ids, _ in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, (tokens, _) in zip(ids, batch):
            row[: len(tokens)] = torch.tensor(tokens)
        lengths = torch.tensor([len(tokens) for tokens, _ in batch])
        labels = torch.tensor([label for _, label in batch])
        if int(lengths.min()) == longest:
            return ids, None, labels
        return ids, (torch.arange(longest) < lengths[:, None]).long(), labels


def grouped(batches: list) -> list:
    """The same examples, sorted by length, longest first, within each 50 batches."""
    size = len(batches[0])
    examples = [example for batch in batches for example in batch]
    regrouped = []
    for start in range(0, len(examples), size * GROUP_BATCHES):
        chunk = sorted(examples[start : start + size * GROUP_BATCHES], key=lambda it: len(it[0]), reverse=True)
        regrouped += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    return regrouped


class Clock:
    """Seconds of consecutive phases."""

    def __init__(self):
        self.phases = {}
        self.last = time.perf_counter()

    def ends(self, phase: str) -> None:
        now = time.perf_counter()
        self.phases[phase] = now - self.last
        self.last = now


class Peer:
    """A model with its optimiser, and what can be asked of it."""

    def __init__(self, options: argparse.Namespace):
        self.batches = Batches(options.batches, options.padding)
        self.model = load_model(options.model)
        rates = Rates()
        groups = [
            {"params": list(self.model.bert.parameters()), "lr": rates.encoder},
            {"params": list(self.model.classifier.parameters()), "lr": rates.head},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
        self.schedule = build_schedule(self.optimizer, UPDATES)
        self.is_bf16 = options.precision == "bf16"

    def precision(self):
        return torch.autocast("cpu", dtype=torch.bfloat16) if self.is_bf16 else nullcontext()

    def update(self, batch: int) -> dict:
        self.model.train()
        clock = Clock()
        ids, mask, labels = self.batches.padded(batch)
        clock.ends("input")
        with self.precision():
            loss = nn.functional.cross_entropy(self.model(ids, mask), labels)
        loss.item()
        clock.ends("forward")
        loss.backward()
        clock.ends("backward")
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM).item()
        clock.ends("clip")
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        clock.ends("update")
        return {"update": clock.phases}

    def infer(self, batch: int) -> dict:
        began = time.perf_counter()
        self.classes(batch)
        return {"seconds": time.perf_counter() - began}

    def infer_all(self) -> dict:
        began = time.perf_counter()
        for batch in range(len(self.batches)):
            self.classes(batch)
        return {"seconds": time.perf_counter() - began}

    @torch.no_grad()
    def classes(self, batch: int) -> list[int]:
        self.model.eval()
        ids, mask, _ = self.batches.padded(batch)
        with self.precision():
            return self.model(ids, mask).argmax(dim=1).tolist()

    @torch.no_grad()
    def loss(self, batch: int) -> dict:
        self.model.eval()
        ids, mask, labels = self.batches.padded(batch)
        with self.precision():
            return {"loss": nn.functional.cross_entropy(self.model(ids, mask), labels).item()}

    def answer(self, request: str | dict) -> dict:
        if request == "pass":
            return self.infer_all()
        if request == "memory":
            return {"bytes": peak_memory()}
        [(name, arguments)] = request.items()
        return {"update": self.update, "infer": self.infer, "loss": self.loss}[name](**arguments)


def load_model(directory: Path) -> BERTClassifier:
    config = DistilBertConfig.from_pretrained(directory)
    weights = load_file(directory / "model.safetensors")
    encoder = DistilBertModel._from_config(config, attn_implementation="sdpa")
    model = BERTClassifier(encoder, classes=len(weights["classifier.3.bias"]))
    model.load_state_dict(weights)
    return model


def peak_memory() -> int:
    """VmHWM, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="directory that Lockstep saved")
    parser.add_argument("--batches", type=Path, required=True, help="packed batches, one JSON object a line")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--padding", choices=("fixed", "longest", "grouped"), default="longest")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    peer = Peer(options)
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        print(json.dumps(peer.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
