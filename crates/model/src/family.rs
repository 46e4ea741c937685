//! The families of encoders: what each calls its keys, its tensors and its classes.
//!
//! All are one network. What differs is in the tables of this file, and nowhere else.

use crate::HeadKind;

/// Which of Hugging Face's encoders a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `DistilBertModel`.
    DistilBert,
    /// `BertModel`.
    Bert,
    /// `RobertaModel`.
    Roberta,
}

/// The names of a family.
#[derive(Debug)]
pub(crate) struct Names {
    /// `model_type` in config.json.
    pub(crate) model_type: &'static str,
    /// The `model_type` of our models of this family with a `mlp` head, their class, and the class of
    /// their configuration in modeling_lockstep.py.
    pub(crate) locksteps: [&'static str; 3],
    /// Hugging Face's class with a head, and what it calls its encoder.
    pub(crate) hf: [&'static str; 2],
    pub(crate) keys: Keys,
    pub(crate) block: BlockNames,
}

/// What config.json calls the sizes and rates.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) width: &'static str,
    pub(crate) heads: &'static str,
    pub(crate) blocks: &'static str,
    pub(crate) feed_forward: &'static str,
    pub(crate) activation: &'static str,
    pub(crate) dropout: &'static str,
    pub(crate) attention_dropout: &'static str,
    pub(crate) head_dropout: &'static str,
}

/// What the tensors of a block are called below `all` and the block's number.
#[derive(Debug)]
pub(crate) struct BlockNames {
    pub(crate) all: &'static str,
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) widen: &'static str,
    pub(crate) narrow: &'static str,
    pub(crate) feed_forward_norm: &'static str,
}

const BERT_KEYS: Keys = Keys {
    width: "hidden_size",
    heads: "num_attention_heads",
    blocks: "num_hidden_layers",
    feed_forward: "intermediate_size",
    activation: "hidden_act",
    dropout: "hidden_dropout_prob",
    attention_dropout: "attention_probs_dropout_prob",
    head_dropout: "classifier_dropout",
};

const BERT_BLOCK: BlockNames = BlockNames {
    all: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    widen: "intermediate.dense",
    narrow: "output.dense",
    feed_forward_norm: "output.LayerNorm",
};

static DISTILBERT: Names = Names {
    model_type: "distilbert",
    locksteps: ["lockstep_distilbert", "BERTClassifier", "LockstepConfig"],
    hf: ["DistilBertForSequenceClassification", "distilbert."],
    keys: Keys {
        width: "dim",
        heads: "n_heads",
        blocks: "n_layers",
        feed_forward: "hidden_dim",
        activation: "activation",
        dropout: "dropout",
        attention_dropout: "attention_dropout",
        head_dropout: "seq_classif_dropout",
    },
    block: BlockNames {
        all: "transformer.layer",
        query: "attention.q_lin",
        key: "attention.k_lin",
        value: "attention.v_lin",
        output: "attention.out_lin",
        attention_norm: "sa_layer_norm",
        widen: "ffn.lin1",
        narrow: "ffn.lin2",
        feed_forward_norm: "output_layer_norm",
    },
};

static BERT: Names = Names {
    model_type: "bert",
    locksteps: ["lockstep_bert", "LockstepBertClassifier", "LockstepBertConfig"],
    hf: ["BertForSequenceClassification", "bert."],
    keys: BERT_KEYS,
    block: BERT_BLOCK,
};

static ROBERTA: Names = Names {
    model_type: "roberta",
    locksteps: ["lockstep_roberta", "LockstepRobertaClassifier", "LockstepRobertaConfig"],
    hf: ["RobertaForSequenceClassification", "roberta."],
    keys: BERT_KEYS,
    block: BERT_BLOCK,
};

/// What lies between the two layers of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadActivation {
    /// The exact one.
    Gelu,
    /// max(0, x)
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Family {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::DistilBert, Self::Bert, Self::Roberta];

    pub(crate) fn names(self) -> &'static Names {
        match self {
            Self::DistilBert => &DISTILBERT,
            Self::Bert => &BERT,
            Self::Roberta => &ROBERTA,
        }
    }

    /// What the encoder's tensors are prefixed with in a checkpoint with this head.
    #[must_use]
    pub fn encoder_prefix(self, head: HeadKind) -> &'static str {
        match head {
            HeadKind::Mlp => "bert.",
            HeadKind::Hf => self.names().hf[1],
        }
    }

    /// What the blocks are called in a checkpoint, without the encoder's prefix.
    #[must_use]
    pub fn blocks(self) -> &'static str {
        self.names().block.all
    }

    /// What the layers of a block are called: query, key, value and output of the attention and the
    /// norm behind it, then the two layers of the feed-forward part and the norm behind them.
    #[must_use]
    pub fn block_layers(self) -> [&'static str; 8] {
        let block = &self.names().block;
        let attention = [block.query, block.key, block.value, block.output];
        let [query, key, value, output] = attention;
        let (first, second) = (block.attention_norm, block.feed_forward_norm);
        [query, key, value, output, first, block.widen, block.narrow, second]
    }

    /// The names of a head's two layers in a checkpoint.
    #[must_use]
    pub fn head_layers(self, head: HeadKind) -> [&'static str; 2] {
        match (head, self) {
            (HeadKind::Mlp, _) => ["classifier.0", "classifier.3"],
            (HeadKind::Hf, Self::DistilBert) => ["pre_classifier", "classifier"],
            (HeadKind::Hf, Self::Bert) => ["bert.pooler.dense", "classifier"],
            (HeadKind::Hf, Self::Roberta) => ["classifier.dense", "classifier.out_proj"],
        }
    }

    /// The layer of a head that tells that a file has this head: bare encoders of BERT have a pooler.
    pub(crate) fn head_mark(self, head: HeadKind) -> &'static str {
        let [first, second] = self.head_layers(head);
        if self.pools(head) { second } else { first }
    }

    /// Whether the head's first layer is the pooler of the encoder, which bare encoders have as well.
    pub(crate) fn pools(self, head: HeadKind) -> bool {
        (self, head) == (Self::Bert, HeadKind::Hf)
    }

    /// What lies between the two layers of a head.
    #[must_use]
    pub fn head_activation(self, head: HeadKind) -> HeadActivation {
        match (head, self) {
            (HeadKind::Mlp, _) => HeadActivation::Gelu,
            (HeadKind::Hf, Self::DistilBert) => HeadActivation::Relu,
            (HeadKind::Hf, Self::Bert | Self::Roberta) => HeadActivation::Tanh,
        }
    }

    /// The dropout of Hugging Face's head where config.json does not say; `hidden` is the encoder's.
    pub(crate) fn head_dropout(self, hidden: f32) -> f64 {
        match self {
            Self::DistilBert => 0.2,
            // As written: 0.1 and not 0.10000000149.
            Self::Bert | Self::Roberta => hidden.to_string().parse().unwrap_or_default(),
        }
    }

    /// Whether the tokens of a pair's second text have a type of their own.
    #[must_use]
    pub fn tells_texts_apart(self) -> bool {
        self == Self::Bert
    }

    /// Whether what the layer behind the attention gives is thinned by the dropout of the encoder.
    pub(crate) fn drops_attention_output(self) -> bool {
        self != Self::DistilBert
    }

    /// Whether a row for the type of each token is added to the embeddings.
    pub(crate) fn has_token_types(self) -> bool {
        self != Self::DistilBert
    }
}
