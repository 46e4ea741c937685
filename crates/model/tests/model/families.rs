//! BERT and RoBERTa against PyTorch's numbers; `families.py` made them. And what is saved of them.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use lockstep_model::{Classifier, Criterion, Dropouts, HeadKind, Mode, ModelRequest};
use lockstep_params::{LocalGradients, ParamName, TensorFile, write_tensors};
use lockstep_testkit::{FamilyPair, family_pairs, family_texts, reference};
use lockstep_world::Seed;

use crate::pytorch::Packed;

const FAMILIES: [&str; 2] = ["bert", "roberta"];
const TYPES: &str = "embeddings.token_type_embeddings.weight";

fn directory(family: &str) -> std::path::PathBuf {
    reference(&format!("families/{family}"))
}

fn request(head: HeadKind) -> ModelRequest {
    ModelRequest {
        head,
        labels: ["calm", "glad", "sad"].map(str::to_owned).to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(3),
        device: Device::Cpu,
    }
}

/// Logits of all texts, alone and packed.
fn logits(model: &Classifier, family: &str) -> Vec<Vec<f32>> {
    let texts = family_texts(family);
    let of = |texts: &[&[u32]]| {
        model.logits(&Packed::of(texts).input(), Mode::Evaluate).unwrap().values().unwrap()
    };
    let all: Vec<&[u32]> = texts.iter().map(|text| text.ids.as_slice()).collect();
    let alone = all.iter().flat_map(|ids| of(&[ids]));
    alone.chain(of(&all)).collect()
}

fn check_logits(model: &Classifier, family: &str) {
    let expected = [family_texts(family), family_texts(family)].into_iter().flatten();
    for (found, text) in logits(model, family).iter().zip(expected) {
        for (found, expected) in found.iter().zip(&text.logits) {
            let place = format!("{family}, {} tokens", text.ids.len());
            assert!((found - expected).abs() < 1e-5, "{place}: {found} and not {expected}");
        }
    }
}

#[test]
fn logits_equal_those_of_transformers() {
    for family in FAMILIES {
        check_logits(&Classifier::open(&directory(family), &Device::Cpu).unwrap(), family);
    }
}

fn packed(pairs: &[FamilyPair]) -> Packed {
    let ids: Vec<&[u32]> = pairs.iter().map(|pair| pair.ids.as_slice()).collect();
    Packed::of(&ids).with_kinds(pairs.iter().flat_map(|pair| pair.token_types.clone()).collect())
}

fn check_pairs(model: &Classifier, family: &str) {
    let pairs = family_pairs(family);
    let of = |pairs: &[FamilyPair]| {
        model.logits(&packed(pairs).input(), Mode::Evaluate).unwrap().values().unwrap()
    };
    let alone: Vec<Vec<f32>> = pairs.chunks(1).flat_map(of).collect();
    for found in [alone, of(&pairs)] {
        assert_eq!(found.len(), 6);
        for (found, pair) in found.iter().flatten().zip(pairs.iter().flat_map(|p| &p.logits)) {
            assert!((found - pair).abs() < 1e-5, "{family}: {found} and not {pair}");
        }
    }
}

/// `family_pairs.py` made the numbers: token type 1 in the second text of BERT's pairs.
#[test]
fn pairs_of_texts_have_transformers_logits_and_gradients_also_when_saved() {
    for family in FAMILIES {
        let model = Classifier::open(&directory(family), &Device::Cpu).unwrap();
        check_pairs(&model, family);
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path()).unwrap();
        check_pairs(&Classifier::open(folder.path(), &Device::Cpu).unwrap(), family);
        for pair in family_pairs(family) {
            let mode = Mode::Train { dropout: Seed(0), listener: None };
            let expected = pair.grad_norm;
            let logits = model.logits(&packed(&[pair]).input(), mode).unwrap();
            let loss = logits.summed_cross_entropy(&[1], &Criterion::default()).unwrap();
            model.backward(&loss).unwrap();
            let found = LocalGradients::take(model.parameters()).unwrap().alone(1).unwrap().norm();
            assert!((found - expected).abs() < 1e-5 * expected, "{family}: {found}, {expected}");
        }
    }
}

/// A BERT without a second type cannot tell the texts of a pair apart, as in transformers.
#[test]
fn a_type_that_the_model_lacks_is_refused() {
    let model = Classifier::open(&directory("bert"), &Device::Cpu).unwrap();
    let packed = Packed::of(&[&[2, 9, 3]]).with_kinds(vec![0, 0, 2]);
    let error = model.logits(&packed.input(), Mode::Evaluate).unwrap_err().to_string();
    assert!(error.contains("token type 2, but type_vocab_size is 2"), "{error}");
}

fn norm(tensor: &Tensor) -> f64 {
    f64::from(tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
}

/// The gradients of the mean loss of all texts, against those of a file; what is left of the file.
fn check_gradients(model: &Classifier, family: &str, file: &str, seed: Seed) -> TensorFile {
    let texts = family_texts(family);
    let ids: Vec<&[u32]> = texts.iter().map(|text| text.ids.as_slice()).collect();
    let labels: Vec<u32> = (0..8).map(|example| example % 3).collect();
    let mode = Mode::Train { dropout: seed, listener: None };
    let logits = model.logits(&Packed::of(&ids).input(), mode).unwrap();
    model.backward(&logits.summed_cross_entropy(&labels, &Criterion::default()).unwrap()).unwrap();
    let global = LocalGradients::take(model.parameters()).unwrap().alone(8).unwrap();
    let mut golden = TensorFile::read(&reference(&format!("families/{file}.safetensors"))).unwrap();
    let whole = global.norm();
    for (name, _) in model.parameters().iter() {
        let (sum, factor) = global.get(name).unwrap();
        let found = (&*sum.dense().unwrap() * factor).unwrap();
        let expected = model.fixed().take(&mut golden, name).unwrap();
        let scale = match name.as_str().ends_with("key.bias") {
            true => whole, // Its exact gradient is zero.
            false => norm(&expected),
        };
        let distance = norm(&(found - expected).unwrap()) / scale;
        assert!(distance < 1e-4, "{file}, {name}: {distance}");
    }
    if let Some(expected) = golden.take(&"logits".into()) {
        let found = Tensor::new(logits.values().unwrap(), &Device::Cpu).unwrap();
        let distance = norm(&(found - expected).unwrap());
        assert!(distance < 1e-5, "{file}: {distance}");
    }
    golden
}

#[test]
fn gradients_equal_those_of_transformers() {
    for family in FAMILIES {
        let model = Classifier::open(&directory(family), &Device::Cpu).unwrap();
        let left = check_gradients(&model, family, family, Seed(0));
        let left: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
        assert!(left.iter().all(|name| name.starts_with("after.")), "{left:?}");
    }
}

/// `family_dropout.py` made the numbers: transformers' own pass with our masks in its modules of dropout.
#[test]
fn what_is_dropped_is_what_transformers_drops() {
    for family in FAMILIES {
        let dropouts = Dropouts { hidden: Some(0.1), attention: Some(0.0), head: Some(0.25) };
        let request = ModelRequest { dropouts, ..request(HeadKind::Hf) };
        let (model, _) = Classifier::load(&directory(family), &request).unwrap();
        let left = check_gradients(&model, family, &format!("{family}-dropout"), Seed(42));
        assert_eq!(left.iter().count(), 0);
    }
}

/// With either head: what is read again has the same bits, and a second save writes the same bytes.
#[test]
fn what_is_saved_is_read_again_with_the_same_bits() {
    for family in FAMILIES {
        for head in [HeadKind::Mlp, HeadKind::Hf] {
            let (model, _) = Classifier::load(&directory(family), &request(head)).unwrap();
            let [first, second] = [(), ()].map(|()| tempfile::tempdir().unwrap());
            model.save(first.path()).unwrap();
            let again = Classifier::open(first.path(), &Device::Cpu).unwrap();
            for (name, weight) in model.parameters().iter() {
                let values = |tensor: &Tensor| -> Vec<u32> {
                    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    values.into_iter().map(f32::to_bits).collect()
                };
                let other = again.parameters().get(name).unwrap();
                assert_eq!(values(weight.as_tensor()), values(other.as_tensor()), "{name}");
            }
            again.save(second.path()).unwrap();
            for file in ["config.json", "model.safetensors"] {
                let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
                assert!(read(first.path()) == read(second.path()), "{family} {head:?}: {file}");
            }
        }
    }
}

/// The names and shapes that transformers gives the file, in both directions.
#[test]
fn a_saved_model_has_the_tensors_of_its_familys_class() {
    for family in FAMILIES {
        let shapes = |path: &Path| -> BTreeMap<String, Vec<usize>> {
            let file = TensorFile::read(&path.join("model.safetensors")).unwrap();
            file.iter().map(|(name, tensor)| (name.to_string(), tensor.dims().to_vec())).collect()
        };
        let (model, _) = Classifier::load(&directory(family), &request(HeadKind::Hf)).unwrap();
        let saved = tempfile::tempdir().unwrap();
        model.save(saved.path()).unwrap();
        assert_eq!(shapes(saved.path()), shapes(&directory(family)));
        check_logits(&Classifier::open(saved.path(), &Device::Cpu).unwrap(), family);
    }
}

/// The tensors of a family under other names, or some of them.
fn variant(
    family: &str,
    mut name_of: impl FnMut(&str) -> Option<String>,
) -> (tempfile::TempDir, BTreeMap<ParamName, Tensor>) {
    let folder = tempfile::tempdir().unwrap();
    let file = TensorFile::read(&directory(family).join("model.safetensors")).unwrap();
    let tensors: BTreeMap<ParamName, Tensor> = file
        .iter()
        .filter_map(|(name, tensor)| Some((name_of(name.as_str())?.into(), tensor.clone())))
        .collect();
    write_tensors(&folder.path().join("model.safetensors"), &tensors).unwrap();
    std::fs::copy(directory(family).join("config.json"), folder.path().join("config.json"))
        .unwrap();
    (folder, tensors)
}

#[test]
fn a_pooler_is_read_for_the_head_that_has_it_and_is_ignored_otherwise() {
    let bare = |name: &str| name.strip_prefix("bert.").map(str::to_owned);
    let (folder, _) = variant("bert", bare);
    let told = |head| {
        let (_, report) = Classifier::load(folder.path(), &request(head)).unwrap();
        let names = |names: &[ParamName]| -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        };
        assert!(report.loaded.contains(&format!("bert.{TYPES}").into()));
        [names(&report.initialised), names(&report.ignored)]
    };
    let [fresh, ignored] = told(HeadKind::Hf);
    assert_eq!(fresh, ["classifier.weight", "classifier.bias"]);
    assert!(ignored.is_empty(), "{ignored:?}");
    let [fresh, ignored] = told(HeadKind::Mlp);
    assert_eq!(fresh.len(), 4);
    assert_eq!(ignored, ["pooler.dense.bias", "pooler.dense.weight"]);
}

#[test]
fn every_tensor_that_is_missing_or_left_over_is_named() {
    let faults = |family, change: &dyn Fn(&str) -> Option<String>| {
        let (folder, _) = variant(family, change);
        match Classifier::load(folder.path(), &request(HeadKind::Hf)) {
            Ok(_) => panic!("{family} was accepted"),
            Err(error) => error.to_string(),
        }
    };
    let without =
        |part: &'static str| move |name: &str| (!name.contains(part)).then(|| name.to_owned());
    for (family, part, expected) in [
        ("bert", "token_type", "tensor `bert.embeddings.token_type_embeddings.weight` is missing"),
        ("roberta", "position", "`roberta.embeddings.position_embeddings.weight` is missing"),
        ("bert", "self.query.bias", "`bert.encoder.layer.0.attention.self.query.bias` is missing"),
        ("bert", "pooler", "tensor `bert.pooler.dense.weight` is missing"),
        ("roberta", "classifier.dense.weight", "`classifier.dense.weight` is missing"),
        ("roberta", "out_proj.bias", "tensor `classifier.out_proj.bias` is missing"),
    ] {
        let told = faults(family, &without(part));
        assert!(told.contains(expected), "{told}");
    }
    let renamed = |name: &str| Some(name.replace("self.key.bias", "self.distance_embedding"));
    let told = faults("bert", &renamed);
    let left = "`bert.encoder.layer.0.attention.self.distance_embedding` is not expected";
    assert!(told.contains(left), "{told}");
}
