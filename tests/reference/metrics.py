"""The measures of scikit-learn that `crates/trainer/src/metrics.rs` is tested against.

    python metrics.py    # needs scikit-learn and statsmodels; prints what the test's tables hold
"""

from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

MATRICES = [  # examples by true class (row) and found class (column)
    [[50, 10], [5, 35]],
    [[7, 1, 2], [0, 9, 1], [3, 0, 7]],
    [[4, 0, 0], [2, 0, 0], [0, 0, 0]],
]
SHARES = [(762, 872), (0, 10), (10, 10)]

for matrix in MATRICES:
    pairs = [(t, f) for t, row in enumerate(matrix) for f, count in enumerate(row) for _ in range(count)]
    truth, found = zip(*pairs)
    f1 = f1_score(truth, found, average="macro", zero_division=0)
    print(matrix, f"{accuracy_score(truth, found):.7f} {f1:.7f} {matthews_corrcoef(truth, found):.7f}")
for correct, examples in SHARES:
    low, high = proportion_confint(correct, examples, method="wilson")
    print(correct, examples, f"{low:.4f} {high:.4f}")
