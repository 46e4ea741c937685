//! A pre-trained model on real sentences: 6 blocks of 12 heads, as they are used.

use std::path::Path;

use candle_core::Device;
use lockstep_collective::Solo;
use lockstep_data::{Corpus, CorpusSource, Labels, MaxLength, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Dropouts, HeadKind, ModelRequest};
use lockstep_optim::Rates;
use lockstep_program::Arithmetic;
use lockstep_testkit::real;
use lockstep_trainer::{Parts, RunLength, TrainSettings, Trainer};
use lockstep_world::Seed;

use super::equal::apart;
use super::{emulated, finish};
use crate::setup::settings;

fn sst2(model: &Path, data: &Path) -> Parts {
    let tokenizer = Tokenizer::from_dir(model).unwrap();
    let source = CorpusSource::from(data.to_owned());
    let corpus = Corpus::read(&source, Labels::Infer).unwrap();
    let max = MaxLength::new(128).unwrap();
    let texts = corpus.texts_and_labels().take(64);
    let train = TokenStore::build(texts, &tokenizer, max).unwrap();
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: corpus.labels().names().to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(42),
        device: Device::Cpu,
    };
    let (model, _) = Classifier::load(model, &request).unwrap();
    let (collective, board) = (Box::new(Solo), Default::default());
    Parts { model, tokenizer, train, validation: None, test: None, collective, board }
}

#[test]
fn a_pretrained_model_learns_the_same() {
    let Some(model) = real("models/minilm-distilbert") else { return };
    let Some(data) = real("data/sst2/train.tsv") else { return };
    let output = tempfile::tempdir().unwrap();
    let rates = Rates { encoder: 2e-5, head: 1e-4 };
    let length = RunLength::Updates(3.try_into().unwrap());
    let settings = TrainSettings { length, ..settings(output.path(), rates) };
    let expected = Trainer::new(sst2(&model, &data), settings.clone()).unwrap();
    let expected = finish(expected);
    for (arithmetic, most) in [(Arithmetic::F32, 1e-5), (Arithmetic::Bf16, 2e-2)] {
        let run = emulated(sst2(&model, &data), settings.clone(), arithmetic, 1);
        let [losses, weights] = apart(&finish(run), &expected);
        println!("{arithmetic:?}: losses {losses:.1e}, weights {weights:.1e} apart");
        assert!(losses < most, "{arithmetic:?}: losses are {losses:e} apart");
    }
}
