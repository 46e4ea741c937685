"""Writes families/NAME-dropout.safetensors: logits and gradients of the models of `families.py` while they drop.

    python family_dropout.py

The masks are Lockstep's, computed here a second time: after the embeddings, after the layer behind each attention and
after each feed-forward part at RATE, inside the head at HEAD_RATE, and none on attention. Otherwise it is transformers' own
forward pass, whose modules of dropout are replaced. RoBERTa's head drops before its first layer too; Lockstep does not.

`logits` are those of the batch of `families.py`, (8, 3); the other tensors are the gradients of its mean loss.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "crates/world/golden"))
from families import FAMILIES, HERE, encode, fill, labels, learned, texts  # noqa: E402
from seed import GOLDEN_RATIO, MASK, derive, mix  # noqa: E402

RATE, HEAD_RATE, SEED = 0.1, 0.25, 42
EMBEDDINGS, HEAD, FEED_FORWARD, ATTENTION_OUTPUT = 0, 1, lambda block: 3 + 2 * block, lambda block: 2**32 + block


def factors(seed: int, width: int, rate: float) -> np.ndarray:
    """What the elements of one row are multiplied by; crates/kernels/src/mask.rs."""
    key = mix((seed + GOLDEN_RATIO) & MASK)
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)
    with np.errstate(over="ignore"):
        x = np.arange(width, dtype=np.uint32) ^ low
        x = (x ^ (x >> np.uint32(17))) * np.uint32(0xED5AD4BB)
        x = ((x ^ (x >> np.uint32(11))) + high) * np.uint32(0xAC4C1B51)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x31848BAB)
    x ^= x >> np.uint32(14)
    rate = float(np.float32(rate))
    return np.where(x >= math.ceil(rate * 2**32), np.float32(1 / (1 - rate)), np.float32(0))


def mask(site: int, positions: int, width: int, rate: float) -> Tensor:
    """(B,T,D) for examples 0, 1, … and positions 0, 1, …"""
    seed = derive(SEED, "DropoutSite", site)
    examples = [derive(seed, "DropoutExample", example) for example in range(len(texts()))]
    row = lambda example, position: factors(derive(example, "DropoutPosition", position), width, rate)  # noqa: E731
    return torch.from_numpy(np.stack([[row(e, p) for p in range(positions)] for e in examples]))


class Masked(nn.Module):
    """Drops what the mask says; the first `spared` calls drop nothing."""

    def __init__(self, factors: Tensor, spared: int = 0):
        super().__init__()
        self.factors, self.spared = factors, spared

    def forward(self, x: Tensor) -> Tensor:
        self.spared -= 1
        return x if self.spared >= 0 else x * self.factors


def put_masks(model: nn.Module, name: str) -> None:
    longest, width = max(map(len, texts())), model.config.hidden_size
    of_rows = lambda site: Masked(mask(site, longest, width, RATE))  # noqa: E731
    model.base_model.embeddings.dropout = of_rows(EMBEDDINGS)
    for block, layer in enumerate(model.base_model.encoder.layer):
        layer.attention.output.dropout = of_rows(ATTENTION_OUTPUT(block))
        layer.output.dropout = of_rows(FEED_FORWARD(block))
    of_head = mask(HEAD, 1, width, HEAD_RATE)[:, 0]
    if name == "bert":
        model.dropout = Masked(of_head)
    else:
        model.classifier.dropout = Masked(of_head, spared=1)


def write(name: str) -> None:
    kind, config = FAMILIES[name]
    model = kind(config).eval()
    fill(model)
    put_masks(model, name)
    logits = model(**encode(texts())).logits
    weights = learned(model)
    gradients = torch.autograd.grad(nn.functional.cross_entropy(logits, labels()), list(weights.values()))
    tensors = {"logits": logits.detach()} | dict(zip(weights, gradients))
    save_file({n: t.contiguous() for n, t in tensors.items()}, HERE / f"{name}-dropout.safetensors")


if __name__ == "__main__":
    for family in FAMILIES:
        write(family)
