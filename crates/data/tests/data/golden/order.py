"""Makes order.json: the order of an epoch, from the two papers alone.

    python order.py

SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014, figure 16) makes the numbers, and
Durstenfeld's form of the Fisher-Yates shuffle (Knuth, volume 2, 3.4.2P) the order.
"""

import json
import pathlib

MASK = 2**64 - 1
GOLDEN_RATIO = 0x9E3779B97F4A7C15
DATA_ORDER = 1


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def derive(seed, purpose, index):
    key = mix(seed ^ (purpose * GOLDEN_RATIO & MASK))
    return mix((key + index * GOLDEN_RATIO) & MASK)


def below(seed, counter, bound):
    return mix((seed + (counter + 1) * GOLDEN_RATIO) & MASK) * bound >> 64


def order(examples, seed, epoch):
    seed = derive(seed, DATA_ORDER, epoch)
    places = list(range(examples))
    for last in range(examples - 1, 0, -1):
        other = below(seed, last, last + 1)
        places[last], places[other] = places[other], places[last]
    return places


def main():
    cases = [(1, 42, 0), (2, 42, 0), (10, 42, 0), (10, 42, 1), (10, 43, 0), (33, 2**64 - 1, 7)]
    rows = [
        {"examples": n, "seed": seed, "epoch": epoch, "order": order(n, seed, epoch)}
        for n, seed, epoch in cases
    ]
    text = ",\n".join(json.dumps(row) for row in rows)
    pathlib.Path(__file__).with_suffix(".json").write_text(f"[\n{text}]\n")


if __name__ == "__main__":
    main()
