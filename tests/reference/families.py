"""Makes the golden files of the encoders besides DistilBERT: tiny models, and what PyTorch computes with them.

    python families.py write     # writes families/ beside this program
    python families.py check DIR…  # loads models that Lockstep saved, and prints their logits for families/ids.json

families/bert/      a BertForSequenceClassification that transformers saved; no token type is zero
families/roberta/   a RobertaForSequenceClassification, whose texts begin at position 2
families/NAME.jsonl for each text: ids, the state of the first token, logits of the `hf` head
families/NAME.safetensors  the gradients of the mean loss of the batch `batch.json`, then, under `after.`, the
                    weights after five updates of AdamW without dropout

Token types are added to the positions before training in Lockstep, and so they are here before the updates; their
rows are frozen: the gradient of row 0 is a sum that the position rows have already. Everything is drawn from fixed seeds.
"""

import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

HERE = Path(__file__).parent / "families"
LABELS = ["calm", "glad", "sad"]
VOCABULARY = 60
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "classifier_dropout": 0.0,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {name: i for i, name in enumerate(LABELS)},
}
FAMILIES = {
    "bert": (BertForSequenceClassification, BertConfig(**SIZES, max_position_embeddings=40, type_vocab_size=2)),
    "roberta": (
        RobertaForSequenceClassification,
        RobertaConfig(
            **SIZES,
            max_position_embeddings=42,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
        ),
    ),
}
UPDATES = 5
RATE = 1e-3
WEIGHT_DECAY = 0.01

# (kind of parameter, mean, deviation): the first kind that occurs in a parameter's name applies.
SCALES = [
    ("word_embeddings.weight", 0.0, 0.5),
    ("embeddings.weight", 0.0, 0.3),
    ("LayerNorm.weight", 1.0, 0.2),
    ("bias", 0.0, 0.1),
    ("weight", 0.0, 0.25),
]


@torch.no_grad()
def fill(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    for name, parameter in sorted(model.named_parameters()):
        mean, deviation = next((mean, deviation) for kind, mean, deviation in SCALES if kind in name)
        parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=generator))


def texts() -> list[list[int]]:
    """Token ids of 3 to 40 tokens, the longest at the limit; none is a padding, whose row would not learn."""
    dice = random.Random(3)
    lengths = [3, 40, 4, 17, 33, 8, 21, 12]
    return [[2] + [dice.randrange(5, VOCABULARY) for _ in range(length - 2)] + [3] for length in lengths]


def encode(batch: list[list[int]]) -> dict[str, Tensor]:
    """Two of (B,T). RoBERTa tells positions by the number of the padding, 1."""
    longest = max(map(len, batch))
    ids = torch.tensor([ids + [1] * (longest - len(ids)) for ids in batch])
    return {"input_ids": ids, "attention_mask": (ids != 1).long()}


def labels() -> Tensor:
    return torch.tensor([i % len(LABELS) for i in range(len(texts()))])


def digits(values: Tensor) -> list[float]:
    return [float(f"{value:.9g}") for value in values.tolist()]


@torch.no_grad()
def answers(model: nn.Module) -> list[dict]:
    lines = []
    for ids in texts():
        inputs = encode([ids])
        state = model.base_model(**inputs)[0][0, 0]
        lines.append({"ids": ids, "state": digits(state), "logits": digits(model(**inputs).logits[0])})
    return lines


def loss_of(model: nn.Module) -> Tensor:
    return nn.functional.cross_entropy(model(**encode(texts())).logits, labels())


def decays(name: str) -> bool:
    return not name.endswith("bias") and "LayerNorm" not in name


def learned(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if "token_type" not in name}


@torch.no_grad()
def fold(model: nn.Module) -> None:
    """Adds the row of token type 0 to the positions, so that weight decay is that of the sum."""
    tables = model.base_model.embeddings
    first = tables.token_type_embeddings.weight[:1].clone()
    tables.position_embeddings.weight += first
    tables.token_type_embeddings.weight -= first


def write(name: str) -> None:
    kind, config = FAMILIES[name]
    model = kind(config).eval()
    fill(model)
    model.save_pretrained(HERE / name)
    lines = "".join(json.dumps(line) + "\n" for line in answers(model))
    (HERE / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    weights = learned(model)
    found = torch.autograd.grad(loss_of(model), list(weights.values()))
    tensors = dict(zip(weights, found))
    groups = [
        {"params": [p for n, p in weights.items() if decays(n)], "weight_decay": WEIGHT_DECAY},
        {"params": [p for n, p in weights.items() if not decays(n)], "weight_decay": 0.0},
    ]
    fold(model)
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    for _ in range(UPDATES):
        optimizer.zero_grad()
        loss_of(model).backward()
        nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
    tensors |= {f"after.{n}": p.detach() for n, p in learned(model).items()}
    save_file({n: t.contiguous() for n, t in tensors.items()}, HERE / f"{name}.safetensors")


@torch.no_grad()
def check(directory: str) -> None:
    """One line of JSON for a directory: its class, whether anything was left or made up, and the logits."""
    options = {"trust_remote_code": True, "output_loading_info": True}
    model, info = AutoModelForSequenceClassification.from_pretrained(directory, **options)
    made_up = sorted(info["missing_keys"]) + sorted(info["unexpected_keys"])
    logits = [digits(model.eval()(**encode([ids])).logits[0]) for ids in texts()]
    print(json.dumps({"class": type(model).__name__, "made_up": made_up, "logits": logits}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "write":
        HERE.mkdir(exist_ok=True)
        for name in FAMILIES:
            write(name)
    else:
        for directory in sys.argv[2:]:
            check(directory)
