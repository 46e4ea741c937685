"""Every layout in which transformers writes or wrote the weights of a DistilBERT classifier, read by us.

    layouts.py files                     writes golden/torch_{zip,legacy}.bin and golden/torch_files.safetensors
    layouts.py check --trainer PROGRAM   makes each layout from the tiny model and compares our answers

`files` writes tensors that lie in their storages in all ways there are: tied, transposed, sliced, expanded, as
parameters, without dimensions, in each type. The safetensors file holds the values that torch.load gives.

`check` prints one line a layout: the largest difference between the logits of `trainer predict` and those of
transformers (allowed: 1e-4), or the refusal that is wanted. It ends with 1 if a layout failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, DistilBertForSequenceClassification

import tiny_model

HERE = Path(__file__).resolve().parent
TINY = HERE / "tiny-hf"
TEXTS = [
    "the river was quiet and mild this morning.",
    "my merry neighbour gave us a splendid apple!",
    "lonely, weary and grim: the bleak winter of an old sailor",
    "xylophone quartz",
    "why",
]
TOLERANCE = 1e-4


def write_files() -> int:
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    tied, wide, long = drawn(4, 3), drawn(6, 8), drawn(50)
    state = OrderedDict(
        first=tied,
        tied=tied,
        tied_rows=tied[1:3],
        transposed=drawn(3, 5).t(),
        sliced=wide[1:5:2, 2:8:3],
        permuted=drawn(2, 3, 4).permute(2, 0, 1),
        expanded=drawn(1, 4).expand(3, 4),
        tail=long[45:],
        parameter=torch.nn.Parameter(drawn(2, 2)),
        scalar=torch.tensor(1.25),
        empty=torch.zeros(0, 3),
        half=drawn(3, 2).half(),
        brain=drawn(3, 2).bfloat16(),
        double=drawn(3, 2).double(),
        numbers=torch.arange(5),
        flags=torch.tensor([True, False, True]),
    )
    state._metadata = {"": {"version": 1}}
    golden = HERE / "golden"
    torch.save(state, golden / "torch_zip.bin")
    torch.save(state, golden / "torch_legacy.bin", _use_new_zipfile_serialization=False)
    widened = {
        name: (value.float() if value.is_floating_point() else value.to(torch.int64)).contiguous().clone()
        for name, value in torch.load(golden / "torch_legacy.bin", weights_only=True).items()
    }
    save_file({name: value.detach() for name, value in widened.items()}, golden / "torch_files.safetensors")
    return 0


class Layouts:
    """Makes layouts one after the other and holds our answers against transformers'."""

    def __init__(self, trainer: Path, folder: Path) -> None:
        self.trainer, self.folder, self.failed = trainer, folder, 0
        self.texts = folder / "texts.txt"
        self.texts.write_text("\n".join(TEXTS) + "\n")
        self.tokenizer = AutoTokenizer.from_pretrained(TINY)

    def place(self, name: str) -> Path:
        directory = self.folder / name.replace(" ", "-").replace("/", "-")
        directory.mkdir()
        self.tokenizer.save_pretrained(directory)
        return directory

    def tell(self, holds: bool, name: str, what: str) -> None:
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'}  {name}: {what}", flush=True)

    def predict(self, directory: Path) -> subprocess.CompletedProcess:
        command = [self.trainer, "predict", "--checkpoint", directory, "--input", self.texts]
        command += ["--output", directory / "answers.jsonl"]
        return subprocess.run(command, capture_output=True, text=True)

    @torch.no_grad()
    def read(self, name: str, make: Callable[[Path], object], reference: Path | None = None) -> None:
        """A layout that is read; `reference` where transformers itself no longer reads it."""
        directory = self.place(name)
        make(directory)
        model = DistilBertForSequenceClassification.from_pretrained(reference or directory).float().eval()
        done = self.predict(directory)
        if done.returncode != 0:
            return self.tell(False, name, done.stderr.strip())
        answers = [json.loads(line) for line in (directory / "answers.jsonl").open(encoding="utf-8")]
        apart = 0.0
        for text, answer in zip(TEXTS, answers, strict=True):
            expected = model(**self.tokenizer(text, return_tensors="pt")).logits[0]
            apart = max(apart, (expected - torch.tensor(answer["logits"])).abs().max().item())
        names = sorted(p.name for p in directory.iterdir() if p.suffix in (".bin", ".safetensors", ".json"))
        weights = [n for n in names if n.startswith(("model", "pytorch"))]
        self.tell(apart <= TOLERANCE, name, f"{apart:.1e} ({weights[0]}{f' and {len(weights) - 1} more' * (len(weights) > 1)})")

    def refused(self, name: str, make: Callable[[Path], object], word: str) -> None:
        directory = self.place(name)
        make(directory)
        done = self.predict(directory)
        is_named = done.returncode == 6 and word in done.stderr
        said = done.stderr.strip().replace(str(self.folder) + "/", "").replace("\n", " ")
        self.tell(is_named, name, f"exit code {done.returncode}: {said}")


def check(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        layouts = Layouts(options.trainer.resolve(), Path(folder))
        of_transformers(layouts)
        of_torch_save(layouts)
        of_names(layouts)
        of_other_kinds(layouts)
    print(f"{layouts.failed} failed")
    return 1 if layouts.failed else 0


def tiny(**config: object) -> DistilBertForSequenceClassification:
    return DistilBertForSequenceClassification.from_pretrained(TINY, **config)


def of_transformers(layouts: Layouts) -> None:
    """What save_pretrained of transformers 5 writes."""
    layouts.read("one file", lambda to: tiny().save_pretrained(to))
    layouts.read("names", lambda to: tiny(id2label={0: "b", 1: "a", 2: "10"}, label2id={"b": 0, "a": 1, "10": 2}).save_pretrained(to))
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        layouts.read(f"{dtype}", lambda to, dtype=dtype: tiny(dtype=dtype).save_pretrained(to))
    for size in ("20KB", "60KB", "100KB"):
        layouts.read(f"sharded at {size}", lambda to, size=size: tiny().save_pretrained(to, max_shard_size=size))
        layouts.read(
            f"bfloat16 sharded at {size}",
            lambda to, size=size: tiny(dtype=torch.bfloat16).save_pretrained(to, max_shard_size=size),
        )
    layouts.read("single label", lambda to: tiny(problem_type="single_label_classification").save_pretrained(to))
    layouts.read("no problem_type", lambda to: without(tiny(), to, "problem_type"))
    for problem in ("multi_label_classification", "regression"):
        layouts.refused(problem, lambda to, problem=problem: tiny(problem_type=problem).save_pretrained(to), problem)
    one = lambda to: DistilBertForSequenceClassification(config_of_one()).save_pretrained(to)
    layouts.refused("one output", one, "class")


def config_of_one():
    config = tiny_model.config()
    config.num_labels = 1
    return config


def without(model: DistilBertForSequenceClassification, to: Path, key: str) -> None:
    model.save_pretrained(to)
    config = json.loads((to / "config.json").read_text())
    config.pop(key, None)
    (to / "config.json").write_text(json.dumps(config))


def saved(to: Path, state: dict, file: str = "pytorch_model.bin", **how: object) -> None:
    tiny().config.save_pretrained(to)
    torch.save(state, to / file, **how)


def of_torch_save(layouts: Layouts) -> None:
    """pytorch_model.bin, as transformers wrote it up to version 4 and still reads it."""
    state = tiny().state_dict()
    for kind, how in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        layouts.read(f"torch.save {kind}", lambda to, how=how: saved(to, state, **how))
        for dtype in (torch.float16, torch.bfloat16, torch.float64):
            cast = {name: value.to(dtype) for name, value in state.items()}
            layouts.read(f"torch.save {kind} {dtype}", lambda to, cast=cast, how=how: saved(to, cast, **how))
        with_ids = state | {"distilbert.embeddings.position_ids": torch.arange(128)[None]}
        layouts.read(f"torch.save {kind} position_ids", lambda to, how=how, state=with_ids: saved(to, state, **how))
        turned = {name: value.t().contiguous().t() if value.dim() == 2 else value for name, value in state.items()}
        layouts.read(f"torch.save {kind} transposed", lambda to, how=how, turned=turned: saved(to, turned, **how))
        parameters = OrderedDict((name, torch.nn.Parameter(value)) for name, value in state.items())
        layouts.read(f"torch.save {kind} parameters", lambda to, how=how, p=parameters: saved(to, p, **how))
        shared = in_one_storage(state)
        layouts.read(f"torch.save {kind} one storage", lambda to, how=how, shared=shared: saved(to, shared, **how))
        layouts.read(f"torch.save {kind} sharded", lambda to, how=how: sharded_bin(to, state, **how))


def in_one_storage(state: dict) -> dict:
    """All tensors as views of one."""
    flat = torch.cat([value.reshape(-1) for value in state.values()])
    views, at = {}, 0
    for name, value in state.items():
        views[name] = flat[at : at + value.numel()].view(value.shape)
        at += value.numel()
    return views


def sharded_bin(to: Path, state: dict, **how: object) -> None:
    names = sorted(state)
    parts = [names[::2], names[1::2]]
    files = [f"pytorch_model-{i + 1:05}-of-{len(parts):05}.bin" for i in range(len(parts))]
    for file, part in zip(files, parts):
        saved(to, {name: state[name] for name in part}, file, **how)
    index = {
        "metadata": {"total_size": sum(value.nbytes for value in state.values())},
        "weight_map": {name: file for file, part in zip(files, parts) for name in part},
    }
    (to / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def of_names(layouts: Layouts) -> None:
    """The names that tensors had."""
    state = tiny().state_dict()
    bare = {name.removeprefix("distilbert."): value for name, value in state.items()}
    layouts.read("names without prefix", lambda to: saved(to, bare), TINY)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in state.items()
    }
    assert old.keys() != state.keys()
    layouts.read("gamma and beta", lambda to: saved(to, old))
    masked = state | {"vocab_projector.bias": torch.zeros(3), "vocab_layer_norm.weight": torch.zeros(3)}
    layouts.read("remains of a language model", lambda to: saved(to, masked))


def of_other_kinds(layouts: Layouts) -> None:
    def file(name: str, content: bytes) -> Callable[[Path], None]:
        def make(to: Path) -> None:
            tiny().config.save_pretrained(to)
            (to / name).write_bytes(content)

        return make

    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    layouts.refused("tf_model.h5", file("tf_model.h5", b"\x89HDF\r\n\x1a\n"), "TensorFlow")
    layouts.refused("flax_model.msgpack", file("flax_model.msgpack", b"\x81"), "Flax")
    layouts.refused("HDF5 named pytorch_model.bin", file("pytorch_model.bin", b"\x89HDF\r\n\x1a\n"), "TensorFlow")
    layouts.refused("lfs safetensors", file("model.safetensors", pointer), "Git LFS")
    layouts.refused("lfs bin", file("pytorch_model.bin", pointer), "Git LFS")
    layouts.refused("page", file("pytorch_model.bin", b"<!doctype html><html></html>"), "HTML")
    layouts.refused("no weights", lambda to: tiny().config.save_pretrained(to), "neither")
    layouts.refused("whole model", lambda to: saved(to, tiny()), "state_dict")

    def lacking(to: Path) -> None:
        tiny().save_pretrained(to, max_shard_size="60KB")
        next(to.glob("model-00002-*")).unlink()

    layouts.refused("shard missing", lacking, "model-00002")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("files").set_defaults(run=lambda _: write_files())
    command = commands.add_parser("check")
    command.add_argument("--trainer", type=Path, required=True)
    command.set_defaults(run=check)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = parse_options()
    sys.exit(chosen.run(chosen))
