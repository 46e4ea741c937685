"""Whether runs that should be one run are: compares the updates of metrics.jsonl files with the first's.

usage: agree.py TOLERANCE FIRST OTHER...

Prints a line for each run: its name, the largest relative difference of a loss over the first 20
updates, and its median update in seconds. Exit code 1 where a difference is above TOLERANCE.
"""

import json
import statistics
import sys

UPDATES = 20
WARM_UP = 4


def updates(path):
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [event for event in events if event["kind"] == "update"]


def main(tolerance, first, *others):
    reference = updates(first)
    worst = 0.0
    for path in (first, *others):
        run = updates(path)
        pairs = zip(reference[:UPDATES], run[:UPDATES], strict=True)
        apart = max(abs(a["loss"] - b["loss"]) / a["loss"] for a, b in pairs)
        seconds = statistics.median(update["seconds"] for update in run[WARM_UP:])
        print(f"| {path} | {apart:.1e} | {seconds:.4f} |")
        worst = max(worst, apart)
    return worst > float(tolerance)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
