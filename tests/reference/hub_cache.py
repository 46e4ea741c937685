"""One cache for huggingface_hub and for us: what one fetched, or began to fetch, the other uses.

    hub_cache.py TRAINER

A server on this machine stands for the hub; its large files lie on a second one, which must not
learn the token.
Needs transformers and pyarrow. Fails at the first line that is not as expected.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
SET = HERE / "golden" / "hub_set"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONVERTED = "refs%2Fconvert%2Fparquet"
TOLD, RANGES = [], []
STALLS = threading.Event()


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


class Store(Quiet):
    """Serves parts, and sends half of what is asked for while it stalls."""

    def do_GET(self):
        TOLD.append(self.headers.get("authorization"))
        path = self.path.removeprefix("/")
        body = (SET / path if path.endswith(".parquet") else HERE / "tiny-hf" / path).read_bytes()
        wanted = self.headers.get("range")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        RANGES.extend([wanted] if wanted else [])
        self.send_response(206 if wanted else 200)
        self.send_header("content-length", str(len(body) - start))
        if wanted:
            self.send_header("content-range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[start:]
        if STALLS.is_set():
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            while STALLS.is_set():
                time.sleep(0.05)
        else:
            self.wfile.write(rest)


def tree() -> list:
    files = sorted(path for path in SET.rglob("*.parquet"))
    entry = lambda body, path: {
        "type": "file", "path": str(path.relative_to(SET)), "size": len(body), "oid": hashlib.sha1(body).hexdigest(),
        "lfs": {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130},
    }
    return [entry(path.read_bytes(), path) for path in files]


class Hub(Quiet):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path == f"/api/datasets/lab/set/revision/{CONVERTED}":
            siblings = [{"rfilename": entry["path"]} for entry in tree()]
            info = {"id": "lab/set", "sha": COMMIT, "siblings": siblings, "tags": []}
            return self.reply(200, json.dumps(info).encode())
        if path == f"/api/datasets/lab/set/tree/{COMMIT}":
            return self.reply(200, json.dumps(tree()).encode())
        for revision in (COMMIT, CONVERTED):
            if path.startswith(f"/datasets/lab/set/resolve/{revision}/"):
                return self.linked(SET, path.split(f"/resolve/{revision}/")[1])
        if "/lab/tiny/resolve" not in path and "/resolve-cache/" not in path:
            return self.reply(404, x_error_code="EntryNotFound", x_repo_commit=COMMIT)
        self.of_model(HERE / "tiny-hf" / path.rsplit("/", 1)[1])

    do_HEAD = do_GET

    def linked(self, folder: Path, name: str) -> None:
        if not (folder / name).is_file():
            return self.reply(404, x_error_code="EntryNotFound", x_repo_commit=COMMIT)
        body = (folder / name).read_bytes()
        etag = hashlib.sha256(body).hexdigest()
        self.reply(302, location=f"{STORE}/{name}", x_repo_commit=COMMIT, x_linked_etag=f'"{etag}"',
                   x_linked_size=str(len(body)))

    def of_model(self, path: Path) -> None:
        if not path.is_file():
            return self.reply(404, x_error_code="EntryNotFound", x_repo_commit=COMMIT)
        if path.suffix == ".safetensors":
            return self.linked(path.parent, path.name)
        if "/resolve-cache/" not in self.path:
            return self.reply(307, location=f"/api/resolve-cache/models/{path.name}", x_repo_commit=COMMIT)
        body = path.read_bytes()
        etag = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        self.reply(200, body, etag=f'"{etag}"', x_repo_commit=COMMIT)


def serve(handler) -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


# Another host by its name: huggingface_hub takes all ports of the endpoint's host for the hub.
STORE, HUB = serve(Store).replace("127.0.0.1", "localhost"), serve(Hub)
MODEL = """
from transformers import AutoTokenizer, DistilBertForSequenceClassification
AutoTokenizer.from_pretrained("lab/tiny")
print(DistilBertForSequenceClassification.from_pretrained("lab/tiny").classifier.weight.sum().item())
"""
# It writes chunks of 10 MB, and the tiny model is smaller.
SMALL_CHUNKS = "from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = 1024"
READ_SET = """
import os
import pyarrow.parquet
from huggingface_hub import constants, hf_hub_download
from huggingface_hub._tree_cache import read_tree_cache
names = ["default/train/0000.parquet", "default/train/0001.parquet"]
paths = [hf_hub_download("lab/set", name, repo_type="dataset", revision="refs/convert/parquet") for name in names]
tree = read_tree_cache(os.path.join(constants.HF_HUB_CACHE, "datasets--lab--set"), "COMMIT")
print(sum(pyarrow.parquet.read_table(path).num_rows for path in paths), "rows,", len(tree or ()), "files listed")
""".replace("COMMIT", COMMIT)
FETCH_SET = """
from huggingface_hub import snapshot_download
snapshot_download("lab/set", repo_type="dataset", revision="refs/convert/parquet", allow_patterns="default/train/*")
"""
FETCH_FILES = """
from huggingface_hub import hf_hub_download
for name in ["default/train/0000.parquet", "default/train/0001.parquet"]:
    hf_hub_download("lab/set", name, repo_type="dataset", revision="refs/convert/parquet")
"""


def variables(home: Path, **further: str) -> dict:
    kept = {"PATH": os.environ["PATH"], "HF_HOME": str(home), "HF_TOKEN": "secret", "HF_HUB_DISABLE_XET": "1"}
    return kept | further


def check(what: str, command: list, home: Path, **further: str) -> str:
    done = subprocess.run(command, env=variables(home, **further), capture_output=True, text=True)
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    print(f"{what:<46}exit code {done.returncode}: {said[-1] if said else ''}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def killed(what: str, command: list, home: Path) -> Path:
    """Kills a command once half of the weights is there; what is left of them."""
    STALLS.set()
    child = subprocess.Popen(command, env=variables(home, HF_ENDPOINT=HUB), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    half = (HERE / "tiny-hf" / "model.safetensors").stat().st_size // 2
    blobs = home / "hub" / "models--lab--tiny" / "blobs"
    left = []
    while not left:
        time.sleep(0.05)
        assert child.poll() is None, f"{what} ended early"
        left = [path for path in blobs.glob("*.incomplete") if 0.9 * half <= path.stat().st_size]
    child.kill()
    child.wait()
    STALLS.clear()
    print(f"{what:<46}killed; left {left[0].stat().st_size} bytes in {'.'.join(left[0].name.split('.')[1:])}")
    return left[0]


def models(trainer: Path, folder: Path, python: list) -> None:
    line = [trainer, "train", "--model", "lab/tiny", "--head", "hf", "--max-steps", "1"]
    line += ["--train-file", HERE / "golden" / "rows.tsv", "--overwrite-output-dir", "--output-dir", folder / "out"]
    ours, theirs = folder / "ours", folder / "theirs"
    check("we fetch", line, ours, HF_ENDPOINT=HUB)
    check("transformers, offline", [*python, MODEL], ours, HF_HUB_OFFLINE="1")
    check("transformers fetches", [*python, MODEL], theirs, HF_ENDPOINT=HUB)
    check("we, offline", line, theirs, HF_HUB_OFFLINE="1")
    for name, home in (("ours", ours), ("theirs", theirs)):
        root = home / "hub" / "models--lab--tiny"
        files = {str(p.relative_to(root)) for p in root.rglob("*") if p.parent.name == COMMIT or "refs" in str(p.parent)}
        print(f"{name}: {sorted(files)}")
    ours, theirs = folder / "ours-killed", folder / "theirs-killed"
    left = killed("we fetch", line, ours)
    check("transformers fetches beside it", [*python, MODEL], ours, HF_ENDPOINT=HUB)
    check("transformers, offline", [*python, MODEL], ours, HF_HUB_OFFLINE="1")
    left = killed("transformers fetches", [*python, SMALL_CHUNKS + MODEL], theirs)
    RANGES.clear()
    check("we fetch the rest", line, theirs, HF_ENDPOINT=HUB)
    assert RANGES == [f"bytes={left.stat().st_size}-"], RANGES
    check("transformers, offline", [*python, MODEL], theirs, HF_HUB_OFFLINE="1")


def data_sets(trainer: Path, folder: Path, python: list) -> None:
    inspect = [trainer, "inspect", "hub:lab/set:train", "--json"]
    ours, theirs, files = folder / "ours", folder / "theirs", folder / "files"
    check("we fetch a data set", inspect, ours, HF_ENDPOINT=HUB)
    said = check("huggingface_hub reads it, offline", [*python, READ_SET], ours, HF_HUB_OFFLINE="1")
    assert said == "200 rows, 4 files listed\n", said
    check("snapshot_download fetches it", [*python, FETCH_SET], theirs, HF_ENDPOINT=HUB)
    check("hf_hub_download fetches it", [*python, FETCH_FILES], files, HF_ENDPOINT=HUB)
    for home in (theirs, files):
        found = json.loads(check("we, offline", inspect, home, HF_HUB_OFFLINE="1"))
        assert found["files"][0]["rows"] == 200, found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        trainer, folder, python = Path(sys.argv[1]).resolve(), Path(folder), [sys.executable, "-c"]
        models(trainer, folder, python)
        data_sets(trainer, folder, python)
        assert set(TOLD) == {None}, "the store must not learn the token"


main()
