//! Where Python cuts texts: `model_max_length` in tokenizer_config.json.

use std::path::Path;

use super::config::TokenizerConfig;
use super::{MaxLength, Tokenizer, TokenizerError};

impl Tokenizer {
    /// The length at which Python's tokenizer cuts when it is asked to; nothing where the model
    /// directory `dir` does not say, or says a number that no text reaches.
    ///
    /// # Errors
    /// [`TokenizerError`] when tokenizer_config.json cannot be read.
    pub fn model_max_length(dir: &Path) -> Result<Option<MaxLength>, TokenizerError> {
        Ok(TokenizerConfig::read(dir)?.and_then(|config| config.max_length()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_of_tokens_is_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let limit = || Tokenizer::model_max_length(folder.path()).unwrap().map(MaxLength::get);
        assert_eq!(limit(), None);
        for (value, expected) in [
            ("512", Some(512)),
            ("512.0", Some(512)),
            ("1000000000000000019884624838656", None),
            ("65537", None),
            ("0", None),
            ("-1", None),
            ("12.5", None),
            ("null", None),
        ] {
            let text = format!("{{\"model_max_length\": {value}}}");
            std::fs::write(folder.path().join("tokenizer_config.json"), text).unwrap();
            assert_eq!(limit(), expected, "{value}");
        }
    }
}
