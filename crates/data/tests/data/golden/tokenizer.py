"""Makes tokenizer.json: the token numbers that Hugging Face's DistilBertTokenizer gives.

    python tokenizer.py          # needs `transformers`; made with transformers 5.23, tokenizers 0.23.3

The vocabulary, vocab.txt, is ours and lies beside; it repeats two tokens, of which the later counts.
`real_files.py` uses the same texts.
"""

import json
import pathlib
import tempfile

HERE = pathlib.Path(__file__).parent
LENGTHS = [128, 8]

TEXTS = [
    "the film is good",
    "The Films is GOOD.",
    "unbelievable unbelievably fully",
    "  leading,trailing  \t and\nbroken\r\nlines ",
    "don't -- it's \"quoted\" 'so' `too`",
    "1930s 12 1,2 $1 €2",
    "",
    " ",
    "\u00a0\u2003\u3000",
    "café cafe\u0301 CAFÉ naïve nai\u0308ve résumé",
    "straße STRASSE ẞ ſ",
    "İstanbul ı I i̇",
    "ﬁ ﬃ ﬀ Ĳ ǅ",
    "中文字 日本 中a文b the中",
    "한국 가 한국 각",
    "αβγς ΑΒΓΣ Ὀδυσσεύς",
    "привет Й й и\u0306 ё",
    "מזל שָׁלוֹם",
    "नमस्ते ใจดี",
    "😀 👩\u200d👩\u200d👧 a😀b 🇨🇦",
    "a\u0000b a\ufffdb a\u200bb a\ufeffb a\u00adb",
    "a\u0301\u0302\u0303 e\u0327\u0301",
    "\u0301 \u0301a",
    "a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg",
    "\u0007bell \u001b[31mred\u001b[0m \u007f",
    "a\u202eb \u2066c\u2069",
    "[CLS] [SEP] [MASK] [PAD] [UNK] [unused0]",
    "[cls]a[SEP]b [MASK]c[PAD]",
    "[[SEP]] [SEP[SEP]] ##a #a",
    "a_b a-b a/b a\\b a~b a^b a|b a+b a=b a<b",
    "“film” — good… ‹x› «x» ¿x¡",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "e\u0301" * 60,
    "ß" * 101,
    "the " * 125,
    "the " * 126,
    "the " * 127,
    "the the the the the the",
    "the the the the the the the",
    "?" * 300,
    "un" * 60,
    "𠀀 𪜀 豈 〆 々 ー",
    "𝕬𝖇𝖈 Ⓐ ½ ² ℃ №",
    "\U000e0001tag\U000e007f \ue000 \U0010ffff",
    "\u0378 \u05ff",
    "ﷺ ﷽",
    "a\u034fb a\u115fb",
    "Ａ　ｆｕｌｌｗｉｄｔｈ！",
    "ω\u0313\u0342\u0345",
    "\u1e9b\u0323 \u212b \u2126",
    "x\u0338 \u226e",
]


def tokenizer(**options):
    from transformers import DistilBertTokenizer

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.txt").write_bytes((HERE / "vocab.txt").read_bytes())
        (folder / "tokenizer_config.json").write_text(json.dumps(options))
        return DistilBertTokenizer.from_pretrained(folder)


def encode(tokenizer, texts, length):
    return tokenizer(texts, truncation=True, max_length=length)["input_ids"]


def main():
    variants = [
        {},
        {"do_lower_case": False},
        {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
        {"do_lower_case": True, "strip_accents": False},
    ]
    table = []
    for options in variants:
        python = tokenizer(**options)
        ids = {str(length): encode(python, TEXTS, length) for length in LENGTHS}
        table.append({"config": options, "ids": ids})
    document = {"texts": TEXTS, "variants": table}
    (HERE / "tokenizer.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
