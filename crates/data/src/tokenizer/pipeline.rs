//! The two pipelines there are: BERT's WordPiece and RoBERTa's byte-level BPE.

use std::collections::HashMap;

use tokenizers::decoders::byte_level::ByteLevel as ByteDecoder;
use tokenizers::decoders::wordpiece::WordPiece as WordDecoder;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Encoding, Model, Result, TokenizerBuilder, TokenizerImpl};

/// BERT's pipeline.
pub(super) type Words =
    TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, TemplateProcessing, WordDecoder>;

/// RoBERTa's pipeline, which normalises nothing.
pub(super) type Bytes =
    TokenizerImpl<BPE, BertNormalizer, ByteLevel, RobertaProcessing, ByteDecoder>;

/// From a text to tokens, without those that are put around it.
#[derive(Clone, Debug)]
pub(super) enum Pipeline {
    /// WordPiece.
    Words(Box<Words>),
    /// Byte-level BPE; whether a space is put before a text.
    Bytes(Box<Bytes>, PrefixSpace),
}

/// Whether byte-level BPE puts a space before a text that begins without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrefixSpace(pub(super) bool);

/// What a pipeline is made of besides added tokens.
pub(super) enum Core {
    /// WordPiece and its normaliser.
    Words(Box<(WordPiece, BertNormalizer)>),
    /// Byte-level BPE.
    Bytes(Box<BPE>, PrefixSpace),
}

impl Core {
    pub(super) fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Words(parts) => parts.0.token_to_id(token),
            Self::Bytes(model, _) => model.token_to_id(token),
        }
    }

    /// The pipeline, which finds the `added` tokens in a text before it is split.
    pub(super) fn pipeline(self, added: Vec<AddedToken>) -> Result<Pipeline> {
        match self {
            Self::Words(parts) => {
                let (model, normalizer) = *parts;
                let mut words: Words = TokenizerBuilder::new()
                    .with_model(model)
                    .with_normalizer(Some(normalizer))
                    .with_pre_tokenizer(Some(BertPreTokenizer))
                    .with_decoder(Some(WordDecoder::default()))
                    .build()?;
                words.add_tokens(added)?;
                Ok(Pipeline::Words(Box::new(words)))
            }
            Self::Bytes(model, space) => {
                let mut bytes: Bytes = TokenizerBuilder::new()
                    .with_model(*model)
                    .with_pre_tokenizer(Some(ByteLevel::new(space.0, true, true)))
                    .with_decoder(Some(ByteDecoder::default()))
                    .build()?;
                bytes.add_tokens(added)?;
                Ok(Pipeline::Bytes(Box::new(bytes), space))
            }
        }
    }
}

impl Pipeline {
    pub(super) fn encode_fast(&self, text: &str, adds_special: bool) -> Result<Encoding> {
        match self {
            Self::Words(words) => words.encode_fast(text, adds_special),
            Self::Bytes(bytes, _) => bytes.encode_fast(text, adds_special),
        }
    }

    pub(super) fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Words(words) => words.token_to_id(token),
            Self::Bytes(bytes, _) => bytes.token_to_id(token),
        }
    }

    /// The number of each token, with or without the added ones.
    pub(super) fn get_vocab(&self, with_added: bool) -> HashMap<String, u32> {
        match self {
            Self::Words(words) => words.get_vocab(with_added),
            Self::Bytes(bytes, _) => bytes.get_vocab(with_added),
        }
    }

    pub(super) fn splits_special(&self) -> bool {
        match self {
            Self::Words(words) => words.get_encode_special_tokens(),
            Self::Bytes(bytes, _) => bytes.get_encode_special_tokens(),
        }
    }

    /// Whether special tokens in a text are ordinary words.
    pub(super) fn set_splits_special(&mut self, splits: bool) {
        match self {
            Self::Words(words) => words.set_encode_special_tokens(splits),
            Self::Bytes(bytes, _) => bytes.set_encode_special_tokens(splits),
        }
    }
}
