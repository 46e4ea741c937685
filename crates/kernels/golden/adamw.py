"""Writes adamw.tsv: what torch.optim.AdamW makes of a few weights.

    python3 adamw.py > adamw.tsv        (needs torch)

A line holds a case, the type, the step (0 is before the first), what it lists, and the values.
Gradients reach from tiny to large, so that epsilon and the square root show.
"""

import torch

CASES = {
    "usual": dict(lr=5e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
    "without decay": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    "large epsilon": dict(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
}
STEPS = 4


def show(case, dtype, step, what, values):
    numbers = "\t".join(repr(float(value)) for value in values)
    print(f"{case}\t{str(dtype).removeprefix('torch.')}\t{step}\t{what}\t{numbers}")


def run(case, options, dtype):
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(6, generator=generator).to(dtype)
    weight = torch.nn.Parameter(weight)
    scales = torch.tensor([1e-9, 1e-4, 1e-2, 1.0, 30.0, 0.0]).to(dtype)
    optimiser = torch.optim.AdamW([weight], fused=False, foreach=False, **options)
    show(case, dtype, 0, "weight", weight.detach())
    for step in range(1, STEPS + 1):
        weight.grad = torch.randn(6, generator=generator).to(dtype) * scales
        optimiser.step()
        state = optimiser.state[weight]
        show(case, dtype, step, "gradient", weight.grad)
        show(case, dtype, step, "weight", weight.detach())
        show(case, dtype, step, "first", state["exp_avg"])
        show(case, dtype, step, "second", state["exp_avg_sq"])


for case, options in CASES.items():
    for dtype in (torch.float32, torch.float64):
        run(case, options, dtype)
