"""PyTorch and transformers on a GPU: what Lockstep's updates are compared with, row by row.

DistilBERT-base with random weights (speed does not depend on them) and the recipe's head, dropout on.
Prints one JSON object a row; a row that fails or takes too long says so in `error`, and the next begins.
Nothing is fetched. Every row runs in a process of its own, so its memory is its own, too.

usage: gpu_peer.py [--lengths FILE] [--rows recipe,longest,...] [--limit SECONDS] [--updates N]

  recipe        as the recipe is written: eager, f32, padded to 128, batch 16
  longest       the same, padded to the longest of the batch
  fused         bf16 autocast, fused AdamW, SDPA, batch 16
  compiled      the same with torch.compile, padded to multiples of 16, dynamic shapes
  graphs        the same with CUDA graphs (reduce-overhead), padded to multiples of 64: few shapes
  full-eager    bf16, fused AdamW, SDPA, 512 texts of 128 tokens each
  full-compiled the same with torch.compile

FILE has a count of tokens on each line; without it lengths are drawn like those of SST-2.
Shapes: B examples, T tokens of a padded text.
"""

import argparse
import json
import math
import multiprocessing
import os
import random
import signal
import statistics
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import DistilBertConfig, DistilBertModel

LONGEST = 128
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """A setting, and the texts it trains on."""

    name: str
    batch: int = 16
    attention: str = "sdpa"
    bf16: bool = True
    compile: dict | None = None
    pad_to: int = 1  # T is a multiple of this
    full: bool = False  # every text has 128 tokens
    updates: int = 60
    warm_up: int = 12


COMPILED = {"dynamic": True}
GRAPHS = {"mode": "reduce-overhead", "dynamic": False}
ROWS = [
    Row("recipe", attention="eager", bf16=False, pad_to=LONGEST),
    Row("longest", bf16=False),
    Row("fused"),
    Row("compiled", compile=COMPILED, pad_to=16, warm_up=24),
    Row("graphs", compile=GRAPHS, pad_to=64, warm_up=24),
    Row("full-eager", batch=512, full=True, updates=12, warm_up=4),
    Row("full-compiled", batch=512, full=True, updates=12, warm_up=6, compile=COMPILED),
]


class Classifier(nn.Module):
    """The recipe's model: DistilBERT, and two layers on the first token."""

    def __init__(self, row: Row, config: dict):
        super().__init__()
        encoder = DistilBertConfig(**config)
        self.bert = DistilBertModel._from_config(encoder, attn_implementation=row.attention)
        width = encoder.dim
        layers = nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(0.3), nn.Linear(width // 2, 2)
        self.classifier = nn.Sequential(*layers)

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.classifier(states[:, 0])


@dataclass
class Batches:
    """Batches of drawn tokens, on the device before the clock runs."""

    row: Row
    lengths: list[int]
    device: torch.device
    vocabulary: int
    chooser: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(2))

    def draw(self) -> tuple[Tensor, Tensor | None, Tensor, int]:
        """ids (B,T), mask (B,T) or nothing where no token is padding, labels (B), tokens."""
        row = self.row
        if row.full:
            lengths = torch.full((row.batch,), LONGEST)
        else:
            places = torch.randint(len(self.lengths), (row.batch,), generator=self.chooser)
            lengths = torch.tensor([self.lengths[place] for place in places.tolist()])
        longest = -(-int(lengths.max()) // row.pad_to) * row.pad_to
        ids = torch.randint(1, self.vocabulary, (row.batch, longest), generator=self.chooser)
        labels = torch.randint(2, (row.batch,), generator=self.chooser)
        mask = None if row.full else (torch.arange(longest) < lengths[:, None]).long()
        mask = mask if mask is None else mask.to(self.device)
        return ids.to(self.device), mask, labels.to(self.device), int(lengths.sum())


class Trainer:
    """Updates as the recipe makes them: two groups, clipping, the loss read after each."""

    def __init__(self, row: Row, config: dict, device: torch.device):
        self.row, self.device = row, device
        self.model = Classifier(row, config).to(device).train()
        groups = [
            {"params": list(self.model.bert.parameters()), "lr": 2e-5},
            {"params": list(self.model.classifier.parameters()), "lr": 1e-4},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=row.bf16 or None)
        self.forward = torch.compile(self.model, **row.compile) if row.compile else self.model

    def precision(self):
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.row.bf16 else nullcontext()

    def update(self, ids: Tensor, mask: Tensor | None, labels: Tensor) -> float:
        with self.precision():
            logits = self.forward(ids, mask)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def measure(row: Row, options: argparse.Namespace, lengths: list[int]) -> dict:
    """The median update of a row, its tokens a second, and its memory."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = json.loads(options.config)
    batches = Batches(row, lengths, device, config.get("vocab_size", 30522))
    trainer = Trainer(row, config, device)
    began = time.perf_counter()
    for _ in range(row.warm_up):
        trainer.update(*batches.draw()[:3])
    warm = time.perf_counter() - began
    seconds, tokens = [], 0
    updates = options.updates or row.updates
    for _ in range(updates):
        ids, mask, labels, count = batches.draw()
        wait(device)
        began = time.perf_counter()
        loss = trainer.update(ids, mask, labels)
        wait(device)
        seconds.append(time.perf_counter() - began)
        tokens += count
    if math.isnan(loss):
        raise ArithmeticError("the loss is not a number")
    padded = row.batch * LONGEST if row.full else None
    if padded and tokens != padded * updates:
        raise AssertionError(f"{tokens} tokens in {updates} updates of {padded}")
    return {
        "row": row.name,
        "ms": statistics.median(seconds) * 1e3,
        "tokens_per_update": tokens / updates,
        "tokens_per_second": tokens / sum(seconds),
        "warm_up_s": warm,
        **memory(device),
    }


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def memory(device: torch.device) -> dict:
    """The allocator's peaks, and all that is taken on the card, as gpu-bench reports it."""
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info()
    return {
        "peak_gib": torch.cuda.max_memory_allocated() / GIB,
        "reserved_gib": torch.cuda.max_memory_reserved() / GIB,
        "card_gib": (total - free) / GIB,
    }


def child(row: Row, options: argparse.Namespace, lengths: list[int], answer) -> None:
    """Runs in a process and a process group of its own: compilers that it starts end with it."""
    os.setpgid(0, 0)
    try:
        answer.send(measure(row, options, lengths))
    except Exception as error:  # noqa: BLE001 - every failure belongs into the table
        answer.send({"row": row.name, "error": f"{type(error).__name__}: {error}"[:500]})


def guarded(row: Row, options: argparse.Namespace, lengths: list[int]) -> dict:
    """The row's result, or that there is none within the limit."""
    # A fork has PyTorch imported already. Nothing may have been computed before it, on any device.
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(row, options, lengths, theirs))
    process.start()
    theirs.close()
    result = {"row": row.name, "error": f"no result within {options.limit} s"}
    try:
        if ours.poll(options.limit):
            result = ours.recv()
    except EOFError:
        result = {"row": row.name, "error": "the process ended without a result"}
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.join()
    return result


def drawn_lengths() -> list[int]:
    """Without PyTorch: its threads would not survive the fork."""
    chooser = random.Random(1)
    return [min(3 + int(chooser.expovariate(0.1)), 66) for _ in range(20_000)]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", help="token counts of texts, one a line")
    parser.add_argument("--rows", default=",".join(row.name for row in ROWS))
    parser.add_argument("--limit", type=float, default=75, help="seconds a row may take, compilation included")
    parser.add_argument("--updates", type=int, default=0, help="instead of each row's own number")
    parser.add_argument("--config", default="{}", help="what differs from DistilBERT-base, in JSON")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    lengths = drawn_lengths()
    if options.lengths:
        with open(options.lengths, encoding="utf-8") as file:
            lengths = [min(int(word), LONGEST) for word in file.read().split()]
    wanted = options.rows.split(",")
    unknown = set(wanted) - {row.name for row in ROWS}
    if unknown:
        sys.exit(f"gpu_peer.py knows no row {', '.join(sorted(unknown))}")
    for row in ROWS:
        if row.name in wanted:
            print(json.dumps(guarded(row, options, lengths)), flush=True)


if __name__ == "__main__":
    main()
