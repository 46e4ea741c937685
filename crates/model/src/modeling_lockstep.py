"""The classifiers that Lockstep trains with `--head mlp`, for transformers, which runs this file when told to:

    pipeline("text-classification", DIRECTORY, trust_remote_code=True)
    AutoModelForSequenceClassification.from_pretrained(DIRECTORY, trust_remote_code=True)
"""

from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    BertPreTrainedModel,
    DistilBertConfig,
    DistilBertModel,
    DistilBertPreTrainedModel,
    RobertaConfig,
    RobertaModel,
    RobertaPreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput


class LockstepConfig(DistilBertConfig):
    """DistilBERT's. Its own name keeps transformers from loading another head's class without this file."""

    model_type = "lockstep_distilbert"


class LockstepBertConfig(BertConfig):
    """BERT's, under a name of its own."""

    model_type = "lockstep_bert"


class LockstepRobertaConfig(RobertaConfig):
    """RoBERTa's, under a name of its own."""

    model_type = "lockstep_roberta"


class WithHead:
    """On the state of the first token: Linear(D, D/2), GELU, dropout, Linear(D/2, K)."""

    base_model_prefix = "bert"

    def add_head(self, config, dropout):
        width = config.hidden_size
        self.classifier = nn.Sequential(
            nn.Linear(width, width // 2),
            nn.GELU(),
            nn.Dropout(dropout),
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


class BERTClassifier(WithHead, DistilBertPreTrainedModel):
    """DistilBERT with the head."""

    config_class = LockstepConfig

    def __init__(self, config):
        super().__init__(config)
        self.bert = DistilBertModel(config)
        self.add_head(config, config.seq_classif_dropout)


class LockstepBertClassifier(WithHead, BertPreTrainedModel):
    """BERT without its pooler, with the head."""

    config_class = LockstepBertConfig

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.add_head(config, config.classifier_dropout)


class LockstepRobertaClassifier(WithHead, RobertaPreTrainedModel):
    """RoBERTa without its pooler, with the head."""

    config_class = LockstepRobertaConfig

    def __init__(self, config):
        super().__init__(config)
        self.bert = RobertaModel(config, add_pooling_layer=False)
        self.add_head(config, config.classifier_dropout)
