"""Ours beside PyTorch's: a table of ratios from what gpu-bench and gpu_peer.py have printed into one file.

usage: beside.py FILE

Of several measurements of a row the median counts, and their spread is shown.
"""

import json
import statistics
import sys
from collections import defaultdict

SMALL, LARGE = "16 of SST-2, {}, graphs", "512 x 128, {}, graphs"
# Ours, theirs, and the ratio that is wanted at least.
WANTED = [
    (SMALL.format("bf16"), "recipe", 8),
    (SMALL.format("bf16"), "graphs", 2),
    (SMALL.format("bf16"), "compiled", 2),
    (SMALL.format("bf16"), "fused", None),
    (SMALL.format("f32"), "longest", 4),
    (LARGE.format("bf16"), "full-eager", None),
    (LARGE.format("bf16"), "full-compiled", 1.3),
]


def read(path: str) -> tuple[dict, dict, list[str], list[str]]:
    """Milliseconds of our rows and of theirs, our lines as they are, and what failed."""
    ours, theirs, lines, failures = defaultdict(list), defaultdict(list), [], []
    with open(path, encoding="utf-8") as file:
        for line in map(str.rstrip, file):
            if line.startswith("{"):
                row = json.loads(line)
                if "error" in row:
                    failures.append(f"PyTorch, {row['row']}: {row['error']}")
                else:
                    theirs[row["row"]].append(row)
            elif line.startswith("| ") and not line.startswith("| update"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                ours[cells[0]].append(float(cells[1]))
                lines.append(line)
            elif line.startswith("| update") and not lines:
                lines.append(line)
                lines.append("|" + "---|" * (line.count("|") - 1))
    return ours, theirs, lines, failures


def milliseconds(values: list[float]) -> str:
    spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.3f}{spread}"


def main(path: str) -> None:
    ours, theirs, lines, failures = read(path)
    print("| update | ours, ms | PyTorch | ms | tokens an update | its peak, GiB | ratio | wanted |")
    print("|---|---|---|---|---|---|---|---|")
    for name, peer, wanted in WANTED:
        if name not in ours or peer not in theirs:
            continue
        rows = theirs[peer]
        times = [row["ms"] for row in rows]
        ratio = statistics.median(times) / statistics.median(ours[name])
        bar = "" if wanted is None else f"{wanted} x"
        memory = max(row.get("peak_gib", 0) for row in rows)
        tokens = rows[0]["tokens_per_update"]
        print(
            f"| {name} | {milliseconds(ours[name])} | {peer} | {milliseconds(times)} | {tokens:.0f} "
            f"| {memory:.2f} | {ratio:.2f} x | {bar} |"
        )
    print("\nOurs:\n")
    print("\n".join(lines))
    for failure in failures:
        print(f"\n- {failure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
