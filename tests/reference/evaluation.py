"""What scikit-learn, scipy and numpy say of a classifier's logits: `golden/evaluation.json`.

    python evaluation.py          # needs scikit-learn, scipy and numpy; writes the same bytes again

Each case has float32 logits, many of them equal so that probabilities tie, and labels. Written for it: AUROC and
average precision of the second of two classes, or their means over each class against the rest; the best F1 of any
threshold; the mean negative log likelihood and the expected calibration error with ten bins; and the temperature
that makes the former least, with both of them after it, or null where that is beyond 0.01 to 100.
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

BINS = 10


def likelihood(logits, labels, temperature=1.0):
    return float(-np.mean(log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels]))


def calibration_error(probabilities, labels):
    """Naeini et al. (2015): the mean gap between confidence and accuracy, weighted by the bins' examples."""
    confidence, found = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(np.sum(confidence[bins == k]) - np.sum((found == labels)[bins == k])) for k in range(BINS)]
    return float(sum(gaps) / len(labels))


def case(name, logits, labels):
    logits = np.asarray(logits, dtype=np.float32)
    wide = logits.astype(np.float64)
    probabilities, classes = softmax(wide, axis=1), logits.shape[1]
    best_f1 = None
    if classes == 2:
        scores = probabilities[:, 1]
        auroc = roc_auc_score(labels, scores)
        precision = average_precision_score(labels, scores)
        p, r, _ = precision_recall_curve(labels, scores)
        best_f1 = float(np.max(2 * p * r / np.maximum(p + r, 1e-300)))
    else:
        auroc = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
        precision = average_precision_score(np.eye(classes)[labels], probabilities, average="macro")
    fit = minimize_scalar(lambda t: likelihood(wide, labels, np.exp(t)), bounds=(-5, 5), method="bounded",
                          options={"xatol": 1e-12})
    temperature = float(np.exp(fit.x))
    has_least = 0.01 < temperature < 100 and fit.fun > 1e-12
    after = softmax(wide / temperature, axis=1)
    return {
        "name": name,
        "classes": classes,
        "labels": [int(label) for label in labels],
        "logits": [[round(float(x), 4) for x in row] for row in logits],
        "auroc": float(auroc),
        "average_precision": float(precision),
        "best_f1": best_f1,
        "loss": likelihood(wide, labels),
        "calibration_error": calibration_error(probabilities, labels),
        "temperature": temperature if has_least else None,
        "loss_after": likelihood(wide, labels, temperature) if has_least else None,
        "calibration_error_after": calibration_error(after, labels) if has_least else None,
    }


def drawn(seed, examples, classes, signal, grid):
    draw = np.random.default_rng(seed)
    shares = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    labels = np.concatenate([np.arange(classes), draw.choice(classes, examples - classes, p=shares)])
    logits = draw.normal(size=(examples, classes)) + signal * np.eye(classes)[labels]
    return np.round(logits / grid) * grid, labels


CASES = [
    case("two classes", *drawn(1, 40, 2, 1.0, 0.25)),
    case("many ties", *drawn(2, 60, 2, 1.0, 1.0)),
    case("too sure", 4 * drawn(3, 50, 2, 1.5, 0.5)[0], drawn(3, 50, 2, 1.5, 0.5)[1]),
    case("no mistake", [[0, 1], [2, 0], [0, 2], [1, 0]], np.array([1, 0, 1, 0])),
    case("one positive", [[0, 1], [0, 2], [0, 2], [1, 0]], np.array([0, 1, 0, 0])),
    case("three classes", *drawn(4, 45, 3, 1.5, 0.5)),
    case("seven classes, unsure", 0.25 * drawn(5, 70, 7, 2.0, 0.5)[0], drawn(5, 70, 7, 2.0, 0.5)[1]),
]

if __name__ == "__main__":
    lines = ",\n".join(json.dumps(case) for case in CASES)
    Path(__file__).with_name("golden").joinpath("evaluation.json").write_text(f"[\n{lines}\n]\n")
    for one in CASES:
        print({key: value for key, value in one.items() if key not in ("labels", "logits")})
