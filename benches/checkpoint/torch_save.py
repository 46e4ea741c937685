"""Saves a state of DistilBERT-base's size with torch.save, once for each line of its input.

Reads the shapes of the weights as one line of JSON, then answers every further line, which is a path,
with the seconds that torch.save took: a script that saves so waits for as long.
"""

import json
import sys
import time

import torch

shapes = json.loads(sys.stdin.readline())
weights = {name: torch.randn(shape) for name, shape in shapes.items()}
moments = {
    index: {
        "step": torch.tensor(1.0),
        "exp_avg": torch.randn(shape),
        "exp_avg_sq": torch.rand(shape),
    }
    for index, shape in enumerate(shapes.values())
}
state = {"model": weights, "optimizer": {"state": moments, "param_groups": []}}
print(torch.__version__, flush=True)
for path in sys.stdin:
    began = time.perf_counter()
    torch.save(state, path.strip())
    print(time.perf_counter() - began, flush=True)
