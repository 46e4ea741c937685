"""Makes pairs.json: token numbers of 1,000 random pairs of texts by transformers' fast tokenizers.

    python pairs.py          # needs `transformers`; made with transformers 5.17

Both sides draw the same pairs from the generator below, so the file has no texts: for each layout and length a hash of the
numbers and token types of each pair, and the first pairs in full. Truncation is `longest_first`.
"""

import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast

HERE = Path(__file__).parent
REFERENCE = HERE / "../../../../../tests/reference"
LENGTHS = [6, 9, 16, 33, 128]
PAIRS = 200
SHOWN = 2
PIECES = [
    "gloomy", "bird", "often", "open", "unaffable", "naïve", "日本", "don't", "!?", "🙂", "3.14", "</s>", "[SEP]", "<s>",
    "[CLS]", "file", "is", "the", "token", "movie", "HELLO", "x" * 70, "a-b", "walked", "sunny", "  ", "\t", "…",
]


class Draw:
    """A linear congruential generator; its high bits."""

    def __init__(self, state: int) -> None:
        self.state = state

    def below(self, bound: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound

    def text(self) -> str:
        words = 1 + self.below([3, 12, 60][self.below(3)])
        drawn = [PIECES[self.below(len(PIECES))] for _ in range(words)]
        # No text is blank.
        return " ".join([*drawn, PIECES[self.below(10)]])


def fnv(words: list[int]) -> int:
    """FNV-1a of 32 bits, a word at a time."""
    value = 2166136261
    for word in words:
        value = (value ^ word) * 16777619 % 2**32
    return value


def lines(layout: str, tokenizer) -> list[dict]:
    found = []
    for seed, length in enumerate(LENGTHS):
        draw = Draw(seed)
        pairs = [(draw.text(), draw.text()) for _ in range(PAIRS)]
        hashes, shown = [], []
        for first, second in pairs:
            encoded = tokenizer(first, second, truncation=True, max_length=length, return_token_type_ids=True)
            ids, token_types = encoded["input_ids"], encoded["token_type_ids"]
            hashes.append(fnv(ids + token_types))
            shown.append([ids, token_types])
        found.append({"layout": layout, "max_length": length, "hashes": hashes, "first": shown[:SHOWN]})
    return found


def main() -> None:
    bert = AutoTokenizer.from_pretrained(REFERENCE / "tiny-hf")
    variant = json.loads((HERE / "byte_level.json").read_text())["variants"][0]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in variant["files"].items():
            (Path(folder) / name).write_text(content)
        roberta = PreTrainedTokenizerFast(tokenizer_file=str(Path(folder) / "tokenizer.json"))
        assert roberta("a", "b")["input_ids"][0] == 0
        left = AutoTokenizer.from_pretrained(REFERENCE / "tiny-hf", truncation_side="left")
        all_lines = lines("bert", bert) + lines("roberta", roberta) + lines("bert, cut on the left", left)
    text = ",\n".join(json.dumps(line) for line in all_lines)
    (HERE / "pairs.json").write_text(f"[\n{text}\n]\n")


main()
