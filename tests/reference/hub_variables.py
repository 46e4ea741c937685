"""Prints what huggingface_hub makes of environment variables: the rows of the tables in
crates/launcher/src/hub/settings.rs. Each argument is one environment: `HOME=/h HF_HOME=~/f`.

    hub_variables.py 'HOME=/h HF_HOME=~' 'HF_HOME=/s/${NAME}f NAME=me'
"""

import os
import subprocess
import sys

PROGRAM = """
from huggingface_hub import constants, get_token
from huggingface_hub.utils import build_hf_headers
print(constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE, constants.HF_TOKEN_PATH, constants.ENDPOINT,
      constants.HF_HUB_ETAG_TIMEOUT, constants.HF_HUB_DOWNLOAD_TIMEOUT,
      build_hf_headers().get("authorization"), sep="  ")
"""

for row in sys.argv[1:]:
    variables = dict(pair.split("=", 1) for pair in row.split(" "))
    kept = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=kept | variables, capture_output=True, text=True)
    print(row, "->", done.stdout.strip() or done.stderr.strip().splitlines()[-1])
