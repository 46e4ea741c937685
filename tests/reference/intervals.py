"""Writes golden/intervals.tsv: Student's t, intervals over seeds and Wilson's interval, by scipy.

A line is a kind, what is given and what is expected, with tabs between them:
  t       degrees of freedom        the 97.5 % point
  spread  the values of the seeds   mean, standard deviation (n - 1), 95 % interval of the mean
  wilson  correct, examples         95 % interval of the share
"""

from pathlib import Path

import numpy as np
from scipy import stats

SEEDS = [
    [0.85, 0.86],
    [0.8524, 0.8601, 0.8475],
    [0.351, 0.349, 0.362, 0.340, 0.355],
    [0.0, 0.0, 1.0],
    [-0.25, 0.5, 0.125, 0.75],
    [round(0.8 + 0.01 * np.sin(k), 6) for k in range(30)],
]
COUNTS = [(0, 10), (10, 10), (762, 872), (1, 3), (50, 100), (9999, 10000), (1, 1000000)]


def line(kind, given, expected):
    words = (" ".join(repr(float(x)) for x in numbers) for numbers in (given, expected))
    return "\t".join([kind, *words])


def main():
    lines = [line("t", [n], [stats.t.ppf(0.975, n)]) for n in range(1, 101)]
    for values in SEEDS:
        mean, std = np.mean(values), np.std(values, ddof=1)
        low, high = stats.t.interval(0.95, len(values) - 1, mean, stats.sem(values))
        lines.append(line("spread", values, [mean, std, low, high]))
    for correct, examples in COUNTS:
        found = stats.binomtest(correct, examples).proportion_ci(0.95, method="wilson")
        lines.append(line("wilson", [correct, examples], [found.low, found.high]))
    path = Path(__file__).parent / "golden" / "intervals.tsv"
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
