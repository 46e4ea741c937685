"""Fits the polynomials of src/elementary.rs and measures them in 32 bits.

    python3 polynomials.py        (needs numpy and mpmath)

Minimax in the relative error by Lawson's iteration: least squares whose weights follow the error.
"""

import mpmath
import numpy as np

mpmath.mp.dps = 40


def minimax(lowest, degree, xs, target, fixed=None, rounds=80):
    """Coefficients of x^lowest .. x^degree so that fixed(x) + sum is close to target(x)."""
    known = np.zeros_like(xs) if fixed is None else fixed
    powers = np.stack([xs**k for k in range(lowest, degree + 1)], axis=1) / target[:, None]
    wanted = (target - known) / target
    scale = np.abs(powers).max(axis=0)
    weights = np.ones_like(xs)
    for _ in range(rounds):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(powers / scale * root[:, None], wanted * root, rcond=1e-15)[0]
        error = np.abs(powers / scale @ found - wanted)
        weights *= error / error.max() + 1e-3
        weights /= weights.sum()
    return found / scale, error.max()


def chebyshev_nodes(low, high, count=2000):
    angles = np.pi * (np.arange(count) + 0.5) / count
    return (low + high) / 2 + (high - low) / 2 * np.cos(angles)


def exact(function, xs):
    return np.array([float(function(mpmath.mpf(float(x)))) for x in xs])


def mills(t):
    """The tail of the normal distribution beyond t, over exp(-t^2 / 2)."""
    return mpmath.erfc(t / mpmath.sqrt(2)) / 2 * mpmath.exp(t * t / 2)


def show(name, coefficients, error):
    print(f"{name}: relative error {error:.1e}")
    for value in coefficients:
        print(f"    {np.float32(value)!s},")


half = float(mpmath.log(2) / 2)
xs = chebyshev_nodes(-half * 1.001, half * 1.001)
exp_fit, error = minimax(2, 6, xs, exact(mpmath.exp, xs), fixed=1 + xs)
show("exp(r) - 1 - r, from r^2", exp_fit, error)

SLOPE = 0.34
nodes = chebyshev_nodes(0.0, 14 / (1 + SLOPE * 14))
nodes = nodes[nodes > 0]
ratio = exact(lambda u: mills(u / (1 - SLOPE * u)), nodes)
mills_fit, error = minimax(1, 9, nodes, ratio, fixed=0.5 * np.ones_like(nodes))
show(f"Mills ratio - 1/2 in u = t / (1 + {SLOPE} t), from u^1", mills_fit, error)

f32 = np.float32


def horner(x, coefficients):
    value = np.full_like(x, f32(coefficients[-1]))
    for c in coefficients[-2::-1]:
        value = value * x + f32(c)
    return value


def exp32(x):
    shifted = x * f32(1.4426950408889634) + f32(12582912.0)
    n = shifted - f32(12582912.0)
    r = (x - n * f32(0.693359375)) - n * f32(-2.12194440e-4)
    return (horner(r, exp_fit) * (r * r) + r + f32(1)) * np.exp2(n).astype(f32)


def phi32(x):
    t = np.abs(x)
    u = t / (f32(1) + f32(SLOPE) * t)
    tail = exp32(f32(-0.5) * (t * t)) * (horner(u, mills_fit) * u + f32(0.5))
    return np.where(x < 0, tail, f32(1) - tail)


def worst(name, xs, got, want):
    absolute = np.abs(got - want)
    relative = absolute / np.abs(want)
    print(f"{name}: absolute {absolute.max():.2e} at {xs[absolute.argmax()]:.3f}, "
          f"relative {relative.max():.2e} at {xs[relative.argmax()]:.3f}")


xs = np.linspace(-80, 80, 20001).astype(f32)
worst("exp", xs, exp32(xs).astype(float), exact(mpmath.exp, xs))
xs = np.linspace(-6, 6, 24001).astype(f32)
worst("normal distribution", xs, phi32(xs).astype(float), exact(mpmath.ncdf, xs))
near = xs[xs >= -1]
worst("and for x >= -1", near, phi32(near).astype(float), exact(mpmath.ncdf, near))
