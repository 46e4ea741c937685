"""Makes families/pairs.jsonl: what transformers computes for pairs of texts with the tiny models of families.py.

    python family_pairs.py              # writes the file
    python family_pairs.py check DIR…   # the largest distance of the logits of models that Lockstep saved from the file's

For each pair: the family, the token numbers with the token type of each, the state of the first token, the logits of the
`hf` head, and the norm of the gradient of the loss for class 1 by all weights but the rows of the token types. Models that
`check` reads must have been saved without an update.
"""

import json
import random
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

HERE = Path(__file__).parent / "families"


def pair(rng: random.Random, family: str) -> tuple[list[int], list[int]]:
    first, second = ([rng.randrange(5, 60) for _ in range(rng.randint(1, 14))] for _ in range(2))
    if family == "roberta":
        ids = [0, *first, 2, 2, *second, 2]
        return ids, [0] * len(ids)
    return [2, *first, 3, *second, 3], [0] * (len(first) + 2) + [1] * (len(second) + 1)


@torch.no_grad()
def computed(model, ids: list[int], token_types: list[int]) -> tuple[list[float], list[float]]:
    inputs = {"input_ids": torch.tensor([ids]), "token_type_ids": torch.tensor([token_types])}
    state = model.base_model(**inputs)[0][0, 0]
    return state.tolist(), model(**inputs).logits[0].tolist()


def grad_norm(model, ids: list[int], token_types: list[int]) -> float:
    model.zero_grad()
    inputs = {"input_ids": torch.tensor([ids]), "token_type_ids": torch.tensor([token_types])}
    torch.nn.functional.cross_entropy(model(**inputs).logits, torch.tensor([1])).backward()
    learned = [weight.grad for name, weight in model.named_parameters() if "token_type" not in name]
    return sum(grad.double().square().sum().item() for grad in learned) ** 0.5


def write() -> None:
    rng = random.Random(11)
    with open(HERE / "pairs.jsonl", "w") as file:
        for family in ["bert", "roberta"]:
            model = AutoModelForSequenceClassification.from_pretrained(HERE / family).eval()
            for _ in range(6):
                ids, token_types = pair(rng, family)
                state, logits = computed(model, ids, token_types)
                norm = grad_norm(model, ids, token_types)
                line = {"family": family, "ids": ids, "token_types": token_types, "state": state, "logits": logits, "grad_norm": norm}
                file.write(json.dumps(line) + "\n")


def check(directory: str) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(directory, trust_remote_code=True).eval()
    family = model.config.model_type.removeprefix("lockstep_")
    lines = [json.loads(line) for line in open(HERE / "pairs.jsonl")]
    lines = [line for line in lines if line["family"] == family]
    distances = [
        max(abs(a - b) for a, b in zip(computed(model, line["ids"], line["token_types"])[1], line["logits"])) for line in lines
    ]
    print(f"{directory}: {len(lines)} pairs, largest distance {max(distances):.1e}")


if sys.argv[1:2] == ["check"]:
    for directory in sys.argv[2:]:
        check(directory)
else:
    write()
