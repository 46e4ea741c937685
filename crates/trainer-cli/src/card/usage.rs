//! How to use the model, here and from Python.

use lockstep_host::shell::quoted;
use lockstep_model::HeadKind;

use super::CardSource;
use super::escape::block;

/// Both ways.
pub(super) fn of(source: &CardSource<'_>) -> String {
    let plan = source.plan;
    let is_of_pairs = source.corpora.train.columns().second.is_some();
    let directory = quoted(&plan.run.directory.display().to_string());
    let (trust, note) = match plan.model.head {
        HeadKind::Hf => ("", ""),
        HeadKind::Mlp => (
            ", trust_remote_code=True",
            "\n`trust_remote_code=True` lets transformers run `modeling_lockstep.py`, which is in this \
             directory and says what the head is: Linear(D, D/2), GELU, dropout, Linear(D/2, K) on the \
             state of the first token. `model.safetensors` has the encoder under `bert.` and the head under \
             `classifier.0` and `classifier.3`.\n",
        ),
    };
    let limit = plan.data.reading.max_length.get();
    let (shell, python, pairs) = match is_of_pairs {
        false => ("echo \"a text\"", "\"a text\"", ""),
        true => (
            "printf 'a text\\tanother text\\n'",
            "{\"text\": \"a text\", \"text_pair\": \"another text\"}",
            "\nThe model classifies pairs of texts. In lines that `trainer predict` reads, a tab is between \
             them.\n",
        ),
    };
    let shell = block("sh", &format!("{shell} | trainer predict --checkpoint {directory}"));
    format!(
        "\n## Use\n{pairs}\n{shell}\n\
         From Python, with DIR this directory; texts are cut where they were cut in training:\n\n\
         ```python\nfrom transformers import pipeline\n\n\
         classify = pipeline(\"text-classification\", \"DIR\"{trust})\n\
         classify({python}, truncation=True, max_length={limit}, top_k=None)\n```\n{note}"
    )
}
