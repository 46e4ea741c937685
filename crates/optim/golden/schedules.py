"""Writes `schedules.tsv`: the learning-rate schedules of transformers that need no further argument.

    python schedules.py        # torch 2.11, transformers 5.17

A row is a schedule's name, its warm-up, its total, a step and the factor of the peak rate there.
"""

from pathlib import Path

import torch
from transformers import get_scheduler

NAMES = ["linear", "constant_with_warmup", "cosine", "inverse_sqrt", "cosine_with_restarts"]
RUNS = [(0, 1), (0, 12), (2, 10), (9, 4), (129, 1299), (30000, 300000)]  # warm-up, total


def rows():
    for name in NAMES:
        for warmup, total in RUNS:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            schedule = get_scheduler(name, optimizer, warmup, total)
            factor = schedule.lr_lambdas[0]
            steps = {*range(0, 12), warmup - 1, warmup, (warmup + total) // 2, total - 1, total, total + 3}
            for step in sorted(step for step in steps if 0 <= step <= total + 3):
                yield name, warmup, total, step, factor(step)


if __name__ == "__main__":
    lines = ["\t".join(map(str, row)) for row in rows()]
    Path(__file__).with_name("schedules.tsv").write_text("\n".join(lines) + "\n")
