"""Compares our `metrics.jsonl` and first gradients with PyTorch's, at the tolerances that we promise.

    compare_trace.py --metrics OUT/metrics.jsonl --trace REFERENCE.jsonl
                     [--gradients OURS.safetensors --expected-gradients REFERENCE.safetensors]

Prints the worst update of each quantity and the worst gradients, and ends with 1 if one is out of bounds, if
an update or a gradient is missing, or if there is one too many.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

GRADIENT_TOLERANCE = 1e-4
SHOWN = 8


@dataclass(frozen=True)
class Quantity:
    """A number of an update, and how far ours may lie from the reference."""

    name: str
    tolerance: float
    distance: Callable[[dict, dict], float]


def apart(ours: list[float], theirs: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


QUANTITIES = [
    Quantity("loss", 1e-4, lambda ours, theirs: abs(ours["loss"] - theirs["loss"])),
    Quantity("grad_norm, relative", 1e-3, lambda ours, theirs: abs(ours["grad_norm"] / theirs["grad_norm"] - 1)),
    Quantity("lr", 1e-12, lambda ours, theirs: apart(ours["lr"], theirs["lr"])),
]


def read_updates(path: Path) -> dict[int, dict]:
    """Lines by step. Evaluations are left out; of a step that a resumed run repeated, the last line counts."""
    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    return {line["step"]: line for line in lines if line.get("kind", "update") == "update"}


def compare_updates(ours: dict[int, dict], theirs: dict[int, dict]) -> bool:
    if ours.keys() != theirs.keys():
        lacking, extra = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        print(f"FAIL  updates; missing {lacking}, too many {extra}")
        return False
    title = f"worst of {len(ours)} updates"
    print(f"      {title:<24}{'apart':>10}{'allowed':>10}{'at step':>9}{'ours':>15}{'reference':>15}")
    return all([compare_quantity(quantity, ours, theirs) for quantity in QUANTITIES])


def compare_quantity(quantity: Quantity, ours: dict[int, dict], theirs: dict[int, dict]) -> bool:
    distances = {step: quantity.distance(ours[step], theirs[step]) for step in theirs}
    worst = worst_first(distances)[0]
    holds = distances[worst] <= quantity.tolerance
    key = quantity.name.split(",")[0]
    values = [line[key][0] if key == "lr" else line[key] for line in (ours[worst], theirs[worst])]
    bounds = f"{distances[worst]:>10.1e}{quantity.tolerance:>10.0e}"
    print(f"{verdict(holds)}  {quantity.name:<24}{bounds}{worst:>9}{values[0]:>15.8g}{values[1]:>15.8g}")
    return holds


def compare_gradients(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    missing, extra = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
    print(f"{verdict(not missing and not extra)}  {len(theirs)} gradients; missing {missing}, too many {extra}")
    shapes = [name for name in theirs.keys() & ours.keys() if ours[name].shape != theirs[name].shape]
    print(f"{verdict(not shapes)}  shapes; different {sorted(shapes)}")
    if missing or extra or shapes:
        return False
    distances = {name: relative_distance(name, ours, theirs) for name in theirs}
    ranked = worst_first(distances)
    bad = [name for name in ranked if not distances[name] <= GRADIENT_TOLERANCE]
    for name in ranked[: max(SHOWN, len(bad))]:
        print(f"{verdict(name not in bad)}  {name:<60}{distances[name]:>10.1e}{GRADIENT_TOLERANCE:>10.0e}")
    return not bad


def relative_distance(name: str, ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Norm of the difference over the norm.

    Softmax does not see a shift of all scores, so the exact gradient of `k_lin.bias` is zero and what either
    side computes is noise: it is measured against the whole gradient.
    """
    measure = theirs.values() if name.endswith("k_lin.bias") else [theirs[name]]
    norm = math.sqrt(sum(tensor.double().square().sum().item() for tensor in measure))
    difference = (ours[name].double() - theirs[name].double()).norm().item()
    return difference / norm if norm else difference


def worst_first(distances: dict) -> list:
    """Keys by falling distance; not a number is worse than any."""
    return sorted(distances, key=lambda key: (math.isnan(distances[key]), distances[key]), reverse=True)


def verdict(holds: bool) -> str:
    return "ok  " if holds else "FAIL"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--trace", type=Path, required=True)
    parser.add_argument("--gradients", type=Path)
    parser.add_argument("--expected-gradients", type=Path)
    options = parser.parse_args()
    if (options.gradients is None) != (options.expected_gradients is None):
        parser.error("--gradients and --expected-gradients go together")
    holds = compare_updates(read_updates(options.metrics), read_updates(options.trace))
    if options.gradients:
        holds &= compare_gradients(load_file(options.gradients), load_file(options.expected_gradients))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
