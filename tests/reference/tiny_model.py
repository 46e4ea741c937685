"""The tiny DistilBERT of the parity tests: its vocabulary, its texts and its random weights.

Everything is drawn from fixed seeds. The weights are larger than a fresh model's, biases are not zero and
layer norms are not the identity: a forgotten bias, a swapped gamma and beta or a wrong order of operations
then changes every number, where a fresh model would hide it.
"""

import random
import string
from pathlib import Path

import torch
from torch import nn
from transformers import DistilBertConfig

LABELS = ["calm", "glad", "sad"]
MAX_TOKENS = 128

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["##s", "##ed", "##ing", "##ly", "##er", "##est", "##ness", "##ful"]
MARKS = list(".,!?'-:;()")
PLAIN = """
the a an this that these those of to in on at by with from for over under near after before until while
and or but so yet not never always often seldom again once twice is was were has had will would could
i you he she it we they my your his her our their who what where when why how
morning evening noon night winter summer spring autumn monday friday today tomorrow yesterday
river bridge garden kitchen window door roof street market harbour forest meadow mountain island village
teacher farmer baker sailor doctor child mother father sister brother neighbour stranger friend
bread soup apple cheese coffee tea water salt honey letter book lamp chair table clock bicycle train boat
horse dog cat bird goat bee wind rain snow cloud star moon stone leaf root fire smoke
walk run swim read write cook carry open close find lose keep give take build mend wait watch hear see
red blue green white black small large old new long short warm cold early late first last north south
one two three four five six seven eight nine ten hundred
""".split()
MOODS = {
    "calm": "quiet still even mild steady plain slow level silent restful ordinary usual".split(),
    "glad": "bright merry lovely proud cheerful laughing sweet kind hopeful sunny grateful splendid".split(),
    "sad": "gloomy bitter lonely weary broken tearful grim hollow sorry bleak dreadful spoiled".split(),
}
WORDS = PLAIN + [word for mood in LABELS for word in MOODS[mood]]
LETTERS = list(string.ascii_lowercase)

# (kind of parameter, mean, deviation): the first kind that occurs in a parameter's name applies.
SCALES = [
    ("word_embeddings.weight", 0.0, 0.5),
    ("position_embeddings.weight", 0.0, 0.3),
    ("layer_norm.weight", 1.0, 0.2),
    ("LayerNorm.weight", 1.0, 0.2),
    ("bias", 0.0, 0.1),
    ("weight", 0.0, 0.25),
]


def vocabulary() -> list[str]:
    """Tokens by id. The letters and their continuations let unknown words fall into pieces."""
    tokens = SPECIAL + MARKS + WORDS + PIECES + LETTERS + ["##" + letter for letter in LETTERS]
    return list(dict.fromkeys(tokens))


def config() -> DistilBertConfig:
    return DistilBertConfig(
        vocab_size=len(vocabulary()),
        max_position_embeddings=MAX_TOKENS,
        dim=32,
        n_layers=3,
        n_heads=4,
        hidden_dim=64,
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
    )


@torch.no_grad()
def fill(model: nn.Module, seed: int) -> None:
    """Draws every parameter anew, in the order of the names, at the scales of `SCALES`."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        mean, deviation = next((mean, deviation) for kind, mean, deviation in SCALES if kind in name)
        parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=generator))


def sentence(words: int, mood: str, dice: random.Random) -> str:
    """A text of exactly `words` tokens, about a quarter of them of the mood."""
    choices = [dice.choice(MOODS[mood] if dice.random() < 0.25 else PLAIN) for _ in range(words)]
    choices[dice.randrange(words)] = dice.choice(MOODS[mood])
    return " ".join(choices)


def write_rows(path: Path, count: int) -> None:
    """A .tsv of labelled texts of 1 to 100 tokens, short ones more often."""
    dice = random.Random(1)
    lengths = [1, 100] + [1 + int(100 * dice.random() ** 2) for _ in range(count - 2)]
    dice.shuffle(lengths)
    moods = [dice.choice(LABELS) for _ in lengths]
    lines = [f"{sentence(length, mood, dice)}\t{mood}" for length, mood in zip(lengths, moods)]
    path.write_text("text\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")


def probe_texts() -> list[str]:
    """Texts of 1 to 126 tokens, and a few that a tokenizer can get wrong; the last is too long."""
    dice = random.Random(2)
    lengths = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 17, 20, 25, 31, 32, 33, 48, 63, 64, 96, 125, 126]
    plain = [sentence(length, dice.choice(LABELS), dice) for length in lengths]
    odd = [
        "Why, the QUIET river's Stillness!",
        "\u00dcber caf\u00e9  bread-and\u00a0honey?",
        "zyxw \u65e5\u672c \U0001f40e horse",
    ]
    return plain + odd + [sentence(150, "glad", dice)]
