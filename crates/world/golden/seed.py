"""Prints the golden values of `world/src/seed.rs` and `model/src/masks.rs`.

    python seed.py

SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014, figure 16) makes the numbers; the tags of
purposes and the numbers of sites are written down a second time here. Whoever changes one of them
changes the masks of every run that is resumed.
"""

MASK = 2**64 - 1
GOLDEN_RATIO = 0x9E3779B97F4A7C15
PURPOSES = {
    "DataOrder": 1,
    "Initialisation": 2,
    "Dropout": 3,
    "DropoutSite": 4,
    "DropoutExample": 5,
    "DropoutPosition": 6,
    "Corpus": 7,
    "ValidationSplit": 8,
    "Sample": 9,
}
SITES = {
    "Embeddings": 0,
    "Head": 1,
    "Attention { block: 0 }": 2,
    "FeedForward { block: 0 }": 3,
    "Attention { block: 5 }": 12,
    "FeedForward { block: 5 }": 13,
    "AttentionOutput { block: 0 }": 2**32,
    "AttentionOutput { block: 5 }": 2**32 + 5,
}


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def derive(seed, purpose, index):
    key = mix(seed ^ (PURPOSES[purpose] * GOLDEN_RATIO & MASK))
    return mix((key + index * GOLDEN_RATIO) & MASK)


def grouped(value):
    text = f"{value:016X}"
    return "0x" + "_".join(text[i : i + 4] for i in range(0, 16, 4))


def main():
    print("Seed(42).derive(purpose, 17)")
    for name in PURPOSES:
        print(f"  {name}: {grouped(derive(42, name, 17))}")
    print("the key of position 5 of example 1000 at a site, in update 17 of the seed 42")
    for name, number in SITES.items():
        key = derive(derive(42, "Dropout", 17), "DropoutSite", number)
        key = derive(derive(key, "DropoutExample", 1000), "DropoutPosition", 5)
        print(f"  {name}: {grouped(key)}")


if __name__ == "__main__":
    main()
