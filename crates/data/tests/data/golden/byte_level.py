"""Makes byte_level.json: a small byte-level BPE tokenizer as RoBERTa has it, and transformers' token numbers.

    python byte_level.py          # needs `transformers`; made with transformers 5.17

Its vocabulary is learned from `tokenizer.py`'s texts and this file, so that joins of every kind occur. A
variant is the files of a model's directory; `ids` are those that `AutoTokenizer` gives there, by length limit.
"""

import json
import pathlib
import tempfile

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizer import TEXTS as WORDS
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
LENGTHS = [64, 8]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]

TEXTS = WORDS[:34] + WORDS[-6:] + [
    " leading space",
    "   three leading spaces",
    "trailing spaces   ",
    "a  b   c    d",
    "\tindented\n\n  code()\r\n",
    "<s> a </s> b <pad><unk>",
    "a <mask> b<mask>c  <mask>",
    "< s > <S> </S> <MASK>",
    "we'll they've I'm you're he'd it's 'tis O'Neil's",
    "1234567890 3.14 1e-5 2026-11-28",
    "naïve café — “quoted” …",
    "北京 is 東京? 한국어 ไทย",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈 flag 😀😀😀",
    "\u00a0nbsp\u2003em \u3000ideographic",
    "a\u0000b \ufeff \ufffd",
    "movie " * 70,
]


def trained() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS + [pathlib.Path(__file__).read_text()], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def ids(files: dict[str, str]) -> dict[str, list[list[int]]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"config.json": '{"model_type": "roberta"}', **files}.items():
            (pathlib.Path(folder) / name).write_text(text, encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return {
            str(length): [tokenizer(text, truncation=True, max_length=length)["input_ids"] for text in TEXTS]
            for length in LENGTHS
        }


def main() -> None:
    tokenizer = trained()
    whole = json.loads(tokenizer.to_str())
    with_space = json.loads(tokenizer.to_str())
    with_space["pre_tokenizer"]["add_prefix_space"] = True
    template = json.loads(tokenizer.to_str())
    template["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "</s>", "type_id": 0}},
        ],
        "pair": [],
        "special_tokens": {
            name: {"id": name, "ids": [number], "tokens": [name]} for name, number in [("<s>", 0), ("</s>", 2)]
        },
    }
    vocabulary = {token: number for token, number in whole["model"]["vocab"].items()} | {"<mask>": len(whole["model"]["vocab"])}
    two = {
        "vocab.json": json.dumps(vocabulary, ensure_ascii=False),
        "merges.txt": "#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in whole["model"]["merges"]),
    }
    roberta = {"tokenizer_class": "RobertaTokenizer"}
    fast = {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>"}
    fast |= {"pad_token": "<pad>", "mask_token": "<mask>", "bos_token": "<s>", "eos_token": "</s>"}
    variants = [
        ("tokenizer.json alone", whole, None),
        ("as roberta-base has it", whole, roberta | {"model_max_length": 512}),
        ("add_prefix_space", whole, roberta | {"add_prefix_space": True}),
        ("add_prefix_space in tokenizer.json, class of the model", with_space, roberta),
        ("add_prefix_space in tokenizer.json, class of the file", with_space, fast),
        ("the class of the file", whole, fast),
        ("RobertaTokenizerFast", whole, {"tokenizer_class": "RobertaTokenizerFast"}),
        ("a template", template, fast),
        ("special tokens are split", whole, roberta | {"split_special_tokens": True}),
        ("cut at the left", whole, roberta | {"truncation_side": "left"}),
        ("vocab.json and merges.txt", None, None),
        ("vocab.json and merges.txt with add_prefix_space", None, roberta | {"add_prefix_space": True}),
    ]
    all_variants = []
    for name, file, configuration in variants:
        files = dict(two) if file is None else {"tokenizer.json": json.dumps(file)}
        if configuration is not None:
            files["tokenizer_config.json"] = json.dumps(configuration)
        found = ids(files)
        if all_variants and file is not None:
            files["tokenizer.json"] = {"post_processor": file["post_processor"], "pre_tokenizer": file["pre_tokenizer"]}
        if file is None:
            files = {name: text for name, text in files.items() if name not in two}
        all_variants.append({"case": name, "has_json": file is not None, "files": files, "ids": found})
    known: dict[str, str] = {}
    for variant in all_variants:  # Equal numbers are written once.
        text = json.dumps(variant["ids"])
        first = known.setdefault(text, variant["case"])
        if first != variant["case"]:
            variant["ids"] = first
    golden = {"texts": TEXTS, **two, "variants": all_variants}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in golden.items())
    (HERE / "byte_level.json").write_text("{" + lines + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
