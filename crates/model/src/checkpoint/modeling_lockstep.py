"""The classifier that Lockstep trains with `--head mlp`, for transformers, which runs this file when told to:

    pipeline("text-classification", DIRECTORY, trust_remote_code=True)
    AutoModelForSequenceClassification.from_pretrained(DIRECTORY, trust_remote_code=True)
"""

from torch import nn
from transformers import DistilBertConfig, DistilBertModel, DistilBertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class LockstepConfig(DistilBertConfig):
    """DistilBERT's. Its own name keeps transformers from loading another head's class without this file."""

    model_type = "lockstep_distilbert"


class BERTClassifier(DistilBertPreTrainedModel):
    """On the state of [CLS]: Linear(D, D/2), GELU, dropout, Linear(D/2, K)."""

    config_class = LockstepConfig
    base_model_prefix = "bert"

    def __init__(self, config):
        super().__init__(config)
        width = config.dim
        self.bert = DistilBertModel(config)
        self.classifier = nn.Sequential(
            nn.Linear(width, width // 2),
            nn.GELU(),
            nn.Dropout(config.seq_classif_dropout),
            nn.Linear(width // 2, config.num_labels),
        )
        self.post_init()

    def _init_weights(self, module):
        """A fresh head starts as Lockstep's does."""
        super()._init_weights(module)
        if module in (self.classifier[0], self.classifier[3]):
            module.reset_parameters()
        if module is self.classifier[0]:
            nn.init.xavier_uniform_(module.weight)

    def forward(self, input_ids=None, attention_mask=None, inputs_embeds=None, labels=None, **others):
        encoded = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, **others
        )
        logits = self.classifier(encoded[0][:, 0])
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
