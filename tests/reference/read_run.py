"""What huggingface_hub reads of a run's model card, and pandas of its history, as JSON.

    read_run.py OUTPUT_DIR    # needs huggingface_hub and pandas
"""

import json
import sys
from pathlib import Path

import pandas
from huggingface_hub import ModelCard


def columns(frame):
    return {name: frame[name].tolist() for name in frame.columns}


def main():
    directory = Path(sys.argv[1])
    card = ModelCard.load(directory / "README.md")
    results = [
        {"type": one.metric_type, "value": one.metric_value, "dataset_name": one.dataset_name}
        for one in card.data.eval_results or []
    ]
    data = card.data.to_dict()
    data["model_name"] = card.data.model_name
    state = json.loads((directory / "trainer_state.json").read_text())
    frame = pandas.DataFrame(state["log_history"]).set_index("step", drop=False)
    training = frame[frame["loss"].notna()][["step", "epoch", "loss", "learning_rate", "grad_norm"]]
    history = {"training": columns(training), "end": {"train_loss": frame["train_loss"].dropna().iloc[-1]}}
    if "eval_loss" in frame:
        evaluated = frame[frame["eval_loss"].notna()]
        history["evaluation"] = columns(evaluated[["step", "epoch", "eval_loss", "eval_accuracy"]])
    print(json.dumps({"card": data, "results": results, "history": history}))


if __name__ == "__main__":
    main()
