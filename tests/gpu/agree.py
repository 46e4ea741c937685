"""Whether runs that should be one run are: compares the updates of metrics.jsonl files with the first's.

usage: agree.py [--updates N] TOLERANCE FIRST OTHER...

Prints a line for each run but the first: its name, the largest relative difference of a loss over the
first N (20) updates, and its median update in seconds. Exit code 1 where a difference is above TOLERANCE,
or where a run has fewer updates.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

WARM_UP = 4


def updates(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [event for event in events if event["kind"] == "update"]


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("tolerance", type=float)
    parser.add_argument("first")
    parser.add_argument("others", nargs="+")
    options = parser.parse_args()
    count = options.updates
    reference = updates(options.first)[:count]
    is_near = True
    for path in options.others:
        run = updates(path)
        pairs = zip(reference, run[:count], strict=True)
        apart = max(abs(a["loss"] - b["loss"]) / abs(a["loss"]) for a, b in pairs)
        seconds = statistics.median(update["seconds"] for update in run[WARM_UP:])
        verdict = "" if apart <= options.tolerance else f", ABOVE {options.tolerance:g}"
        name = Path(path).parent.name or path
        print(f"| {name}, {count} updates beside {Path(options.first).parent.name} | {apart:.1e}{verdict} | {seconds:.5f} |")
        is_near = is_near and apart <= options.tolerance
    return is_near


if __name__ == "__main__":
    sys.exit(not main())
