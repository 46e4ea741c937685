"""One cache for huggingface_hub and for us: what one fetched the other reads without a network.

    hub_cache.py TRAINER

A server on this machine stands for the hub; its large files lie on a second one, to which nobody may say the token.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOLD = []


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
    def do_GET(self):
        TOLD.append(self.headers.get("authorization"))
        self.reply(200, (HERE / "tiny-hf" / self.path.rsplit("/", 1)[1]).read_bytes())


class Hub(Quiet):
    def do_GET(self):
        path = HERE / "tiny-hf" / self.path.split("?")[0].rsplit("/", 1)[1]
        if "/resolve" not in self.path or not path.is_file():
            return self.reply(404, x_error_code="EntryNotFound", x_repo_commit=COMMIT)
        body = path.read_bytes()
        if path.suffix == ".safetensors":
            etag = hashlib.sha256(body).hexdigest()
            return self.reply(302, location=f"{STORE}/{path.name}", x_repo_commit=COMMIT,
                              x_linked_etag=f'"{etag}"', x_linked_size=str(len(body)))
        if "/resolve-cache/" not in self.path:
            return self.reply(307, location=f"/api/resolve-cache/models/{path.name}", x_repo_commit=COMMIT)
        etag = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        self.reply(200, body, etag=f'"{etag}"', x_repo_commit=COMMIT)

    do_HEAD = do_GET


def serve(handler) -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


# Another host by its name: huggingface_hub takes all ports of the endpoint's host for the hub.
STORE, HUB = serve(Store).replace("127.0.0.1", "localhost"), serve(Hub)
PYTHON = """
from transformers import AutoTokenizer, DistilBertForSequenceClassification
AutoTokenizer.from_pretrained("lab/tiny")
print(DistilBertForSequenceClassification.from_pretrained("lab/tiny").classifier.weight.sum().item())
"""


def run(command: list, home: Path, **variables: str) -> str:
    kept = {"PATH": os.environ["PATH"], "HF_HOME": str(home), "HF_TOKEN": "secret", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(command, env=kept | variables, capture_output=True, text=True)
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return f"exit code {done.returncode}: {said[-1] if said else ''}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        train = [Path(sys.argv[1]).resolve(), "train", "--model", "lab/tiny", "--head", "hf", "--max-steps", "1"]
        train += ["--train-file", HERE / "golden" / "rows.tsv", "--output-dir"]
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        python = [sys.executable, "-c", PYTHON]
        print("we fetch:              ", run([*train, Path(folder) / "out"], ours, HF_ENDPOINT=HUB))
        print("the store was told:    ", set(TOLD))
        print("transformers, offline: ", run(python, ours, HF_HUB_OFFLINE="1"))
        print("transformers fetches:  ", run(python, theirs, HF_ENDPOINT=HUB))
        print("we, offline:           ", run([*train, Path(folder) / "out2"], theirs, HF_HUB_OFFLINE="1"))
        files = lambda home: sorted(
            f"{p.relative_to(home)}{f' -> {os.readlink(p)}' if p.is_symlink() else ''}"
            for p in (home / "hub" / "models--lab--tiny").rglob("*") if not p.is_dir()
        )
        for name, home in (("ours", ours), ("theirs", theirs)):
            print(name, json.dumps(files(home), indent=1))


main()
