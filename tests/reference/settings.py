"""What transformers makes of each setting in a tokenizer's files: writes `golden/settings.jsonl`.

Each line is a case: the files of `tiny/` that are changed, and the ids of `TEXTS` at most `LIMIT` long, or
that transformers refuses it. The tests copy `tiny/`, change it likewise and compare (transformers 5.24; torch
is not needed). A change is a map from a file to the keys that are set in it; a key that is null is taken out,
a file that is null is deleted, `a.b` is the key b in the object a.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

HERE = Path(__file__).parent
LIMIT = 20
TEXTS = [
    "Why, the QUIET river's Stillness!",
    "Caf\u00e9 [E1] \u65e5red Horses[MASK] horses [SEP]",
    " ".join(["one two three four five six"] * 5),
]
TC, TJ, SM, AT, VT = "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"


def token(content, **changes):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": content, **flags, **changes}


SMALL = {TC: None, TJ: None}
BARE = {"tokenizer.json": None}
LEFT = {"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
PAD = {
    "strategy": {"Fixed": 20}, "direction": "Left", "pad_to_multiple_of": None,
    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
}
CASES = {
    "as it is": {},
    "vocab.txt alone": SMALL,
    "vocab.txt and its configuration": BARE,
    "do_lower_case: false": {TC: {"do_lower_case": False}},
    "do_lower_case: false, vocab.txt": {TC: {"do_lower_case": False}, **BARE},
    "strip_accents: false": {TC: {"strip_accents": False}},
    "strip_accents: true, no lower case": {TC: {"strip_accents": True, "do_lower_case": False}},
    "tokenize_chinese_chars: false": {TC: {"tokenize_chinese_chars": False}},
    "normalizer.lowercase: false": {TJ: {"normalizer.lowercase": False}},
    "normalizer.lowercase: false, nothing said": {TJ: {"normalizer.lowercase": False}, TC: {"do_lower_case": None}},
    "normalizer.lowercase: false, no configuration": {TJ: {"normalizer.lowercase": False}, TC: None},
    "normalizer.lowercase: false, any tokenizer": {
        TJ: {"normalizer.lowercase": False}, TC: {"tokenizer_class": "PreTrainedTokenizerFast"},
    },
    "normalizer.lowercase: false, TokenizersBackend": {
        TJ: {"normalizer.lowercase": False}, TC: {"tokenizer_class": "TokenizersBackend"},
    },
    "tokenizer_class: BertTokenizer": {TC: {"tokenizer_class": "BertTokenizer"}},
    "tokenizer_class: BertTokenizerFast": {TC: {"tokenizer_class": "BertTokenizerFast"}},
    "tokenizer_class: DistilBertTokenizerFast": {TC: {"tokenizer_class": "DistilBertTokenizerFast"}},
    "tokenizer_class: ElectraTokenizer, vocab.txt": {TC: {"tokenizer_class": "ElectraTokenizer"}, **BARE},
    "tokenizer_class: RobertaTokenizer": {TC: {"tokenizer_class": "RobertaTokenizer"}},
    "tokenizer_class: BertJapaneseTokenizer, vocab.txt": {TC: {"tokenizer_class": "BertJapaneseTokenizer"}, **BARE},
    "truncation_side: left": {TC: {"truncation_side": "left"}},
    "truncation_side: left, vocab.txt": {TC: {"truncation_side": "left"}, **BARE},
    "truncation_side: right": {TC: {"truncation_side": "right"}},
    "truncation_side: middle": {TC: {"truncation_side": "middle"}},
    "truncation in tokenizer.json": {TJ: {"truncation": {**LEFT, "direction": "Right"}}},
    "truncation to the left in tokenizer.json": {TJ: {"truncation": LEFT}},
    "truncation to the left there, right here": {TJ: {"truncation": LEFT}, TC: {"truncation_side": "right"}},
    "padding in tokenizer.json": {TJ: {"padding": PAD}},
    "padding_side: left": {TC: {"padding_side": "left"}},
    "split_special_tokens: true": {TC: {"split_special_tokens": True}},
    "split_special_tokens: false": {TC: {"split_special_tokens": False}},
    "additional_special_tokens, new": {TC: {"additional_special_tokens": ["[E1]"]}},
    "additional_special_tokens, known": {TC: {"additional_special_tokens": ["horse"]}},
    "additional_special_tokens, none": {TC: {"additional_special_tokens": []}},
    "additional_special_tokens, vocab.txt": {TC: {"additional_special_tokens": ["[E1]", "horse"]}, **BARE},
    "extra_special_tokens, a list": {TC: {"extra_special_tokens": ["[E1]"]}},
    "extra_special_tokens, a map": {TC: {"extra_special_tokens": {"horse_token": "horse"}}},
    "a token of its own key": {TC: {"horse_token": "horse"}},
    "bos_token and eos_token": {TC: {"bos_token": "[E1]", "eos_token": "horse"}},
    "added_tokens_decoder, new": {TC: {"added_tokens_decoder": {"297": token("[E1]")}}},
    "added_tokens_decoder, normalized": {
        TC: {"added_tokens_decoder": {"297": token("red Horses", normalized=True, special=False)}},
    },
    "added_tokens_decoder, known": {TC: {"added_tokens_decoder": {"2": token("[CLS]"), "3": token("[SEP]")}}},
    "added_tokens_decoder, vocab.txt": {
        TC: {"added_tokens_decoder": {"297": token("[E1]", lstrip=True, rstrip=True)}}, **BARE,
    },
    "added_tokens in tokenizer.json, and none in the decoder": {
        TJ: {"added_tokens": [dict(token("[E1]"), id=297)]}, TC: {"added_tokens_decoder": {}},
    },
    "added_tokens in tokenizer.json": {TJ: {"added_tokens": [dict(token("[E1]"), id=297)]}},
    "added_tokens in tokenizer.json, not special": {
        TJ: {"added_tokens": [dict(token("horse", special=False, single_word=True), id=297)]},
    },
    "added_tokens.json": {AT: {"[E1]": 297}},
    "added_tokens.json, vocab.txt": {AT: {"[E1]": 297}, **BARE},
    "added_tokens.json, vocab.txt alone": {AT: {"[E1]": 297}, **SMALL},
    "added_tokens.json, letters": {AT: {"red Horse": 297, "horse": 298}, **SMALL},
    "added_tokens.json, another id": {AT: {"[E1]": 300}, **SMALL},
    "added_tokens.json beside a decoder": {AT: {"[E1]": 297}, TC: {"added_tokens_decoder": {}}, **BARE},
    "special_tokens_map.json, the same": {SM: {"cls_token": "[CLS]", "unk_token": "[UNK]"}},
    "special_tokens_map.json, cls_token": {SM: {"cls_token": "[MASK]"}},
    "special_tokens_map.json, sep_token, vocab.txt": {SM: {"sep_token": "[PAD]"}, **BARE},
    "special_tokens_map.json, an object": {SM: {"cls_token": token("[MASK]")}, **SMALL},
    "special_tokens_map.json, additional": {SM: {"additional_special_tokens": ["[E1]"]}},
    "special_tokens_map.json, extra": {SM: {"extra_special_tokens": ["horse"]}, **BARE},
    "special_tokens_map.json beside a decoder": {SM: {"cls_token": "[MASK]"}, TC: {"added_tokens_decoder": {}}},
    "cls_token: [MASK]": {TC: {"cls_token": "[MASK]"}},
    "cls_token: [MASK], vocab.txt": {TC: {"cls_token": "[MASK]"}, **BARE},
    "sep_token: [PAD]": {TC: {"sep_token": "[PAD]"}},
    "unk_token: [MASK]": {TC: {"unk_token": "[MASK]"}},
    "unk_token: [MASK], vocab.txt": {TC: {"unk_token": "[MASK]"}, **BARE},
    "mask_token: an object": {TC: {"mask_token": {"__type": "AddedToken", **token("[MASK]", lstrip=True)}}},
    "pad_token: [MASK]": {TC: {"pad_token": "[MASK]"}},
    "do_basic_tokenize: false": {TC: {"do_basic_tokenize": False}, **BARE},
    "never_split": {TC: {"never_split": ["Horses"]}, **BARE},
    "add_prefix_space, clean_up_tokenization_spaces": {TC: {"add_prefix_space": True, "clean_up_tokenization_spaces": True}},
    "model_input_names": {TC: {"model_input_names": ["input_ids"]}},
    "stride, max_length, truncation_strategy": {TC: {"stride": 2, "max_length": 5, "truncation_strategy": "only_first"}},
    "add_bos_token, add_eos_token": {TC: {"add_bos_token": True, "add_eos_token": True, "bos_token": "red"}},
    "fast_tokenizer_files": {TC: {"fast_tokenizer_files": ["tokenizer.json"]}},
    "config.json, tokenizer_class": {"config.json": {"tokenizer_class": "BertTokenizer"}, **SMALL},
    "config.json, another tokenizer_class": {"config.json": {"tokenizer_class": "RobertaTokenizer"}, **SMALL},
    "post_processor with the other tokens": {TJ: {"post_processor": {"type": "BertProcessing", "sep": ["[PAD]", 0], "cls": ["[MASK]", 4]}}},
}


def change(folder: Path, file: str, keys: dict | None) -> None:
    path = folder / file
    if keys is None:
        path.unlink(missing_ok=True)
        return
    content = json.loads(path.read_text()) if path.exists() else {}
    for key, value in keys.items():
        *outer, last = key.split(".") if file == TJ else [key]
        place = content
        for name in outer:
            place = place[name]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    path.write_text(json.dumps(content))


def outcome(changes: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for file in (HERE / "tiny").iterdir():
            if file.name != "model.safetensors":
                shutil.copy(file, folder)
        for file, keys in changes.items():
            change(folder, file, keys)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            return {"ids": [tokenizer(text, truncation=True, max_length=LIMIT)["input_ids"] for text in TEXTS]}
        except Exception as error:  # whatever it is, it is no answer
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:120].replace(str(folder), "DIR")}


def main() -> None:
    lines = [{"limit": LIMIT, "texts": TEXTS}]
    lines += [{"case": name, "changes": changes, **outcome(changes)} for name, changes in CASES.items()]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (HERE / "golden" / "settings.jsonl").write_text(text)
    if "--show" in sys.argv:
        usual = lines[1]["ids"]
        for line in lines[1:]:
            ids = line.get("ids")
            shown = line.get("error") or ["=" if a == b else a for a, b in zip(ids, usual)]
            print(f"{line['case']}: {shown}")


main()
