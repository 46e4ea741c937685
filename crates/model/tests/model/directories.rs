//! Models in and out of directories: every layout, every fault named.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use lockstep_model::{
    Classifier, Dropouts, HeadKind, ModelError, ModelRemedy, ModelRequest, Pretrained,
};
use lockstep_params::{Group, ParamName, TensorFile, write_tensors};
use lockstep_testkit::reference;
use lockstep_world::Seed;
use serde_json::{Value, json};

fn request(head: HeadKind) -> ModelRequest {
    ModelRequest {
        head,
        labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(1),
        device: Device::Cpu,
    }
}

#[test]
fn a_bare_encoder_gets_a_fresh_head_from_either_format() {
    for head in [HeadKind::Mlp, HeadKind::Hf] {
        let (from_safetensors, report) =
            Classifier::load(&reference("tiny"), &request(head)).unwrap();
        assert_eq!(report.initialised.len(), 4, "{head:?}");
        let group = |name| from_safetensors.parameters().info(name).map(|info| info.group);
        assert!(report.initialised.iter().all(|name| group(name) == Some(Group::Head)));
        let (from_pickle, _) = Classifier::load(&reference("tiny-bin"), &request(head)).unwrap();
        for (name, value) in from_safetensors.parameters().iter() {
            let other = from_pickle.parameters().get(name).unwrap();
            let difference = (value.as_tensor() - other.as_tensor()).unwrap().abs().unwrap();
            let largest: f32 = difference.max_all().unwrap().to_scalar().unwrap();
            assert!(largest == 0.0, "{name} differs between the formats");
        }
    }
}

/// Writes the tensors of the reference into files of these names, in turns.
fn write_split(directory: &Path, files: &[&str]) {
    let whole = TensorFile::read(&reference("tiny/model.safetensors")).unwrap();
    let part = |which: usize| {
        let of_part = whole.iter().enumerate().filter(|(at, _)| at % files.len() == which);
        of_part.map(|(_, (name, value))| (name.clone(), value.clone())).collect()
    };
    for (which, file) in files.iter().enumerate() {
        write_tensors(&directory.join(file), &part(which)).unwrap();
    }
    let map = whole.iter().enumerate();
    let map: serde_json::Map<String, Value> =
        map.map(|(at, (name, _))| (name.to_string(), json!(files[at % files.len()]))).collect();
    let index = json!({ "metadata": {}, "weight_map": map });
    fs::write(directory.join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::copy(reference("tiny/config.json"), directory.join("config.json")).unwrap();
}

#[test]
fn weights_in_several_files_are_those_of_one() {
    let files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let directory = tempfile::tempdir().unwrap();
    write_split(directory.path(), &files);
    let load = |path: &Path| Classifier::load(path, &request(HeadKind::Hf)).map(|(model, _)| model);
    let (one, split) = (load(&reference("tiny")).unwrap(), load(directory.path()).unwrap());
    for (name, value) in one.parameters().iter() {
        let other = split.parameters().get(name).unwrap();
        let same = value.eq(other.as_tensor()).unwrap().min_all().unwrap();
        assert_eq!(same.to_scalar::<u8>().unwrap(), 1, "{name}");
    }
    fs::copy(directory.path().join(files[0]), directory.path().join(files[1])).unwrap();
    let error = load(directory.path()).unwrap_err().to_string();
    assert!(error.contains("and in another file"), "{error}");
    fs::remove_file(directory.path().join(files[1])).unwrap();
    let error = load(directory.path()).unwrap_err().to_string();
    assert!(error.contains(files[1]) && error.contains("not there"), "{error}");
}

#[test]
fn scales_and_shifts_may_have_their_old_names() {
    let whole = TensorFile::read(&reference("tiny/model.safetensors")).unwrap();
    let old = |name: &ParamName| match name.as_str().rsplit_once('.') {
        Some((norm, "weight")) if norm.ends_with("orm") => format!("{norm}.gamma"),
        Some((norm, "bias")) if norm.ends_with("orm") => format!("{norm}.beta"),
        _ => name.to_string(),
    };
    let tensors = whole.iter().map(|(name, value)| (old(name).as_str().into(), value.clone()));
    let directory = tempfile::tempdir().unwrap();
    write_tensors(&directory.path().join("model.safetensors"), &tensors.collect()).unwrap();
    fs::copy(reference("tiny/config.json"), directory.path().join("config.json")).unwrap();
    let (_, report) = Classifier::load(directory.path(), &request(HeadKind::Hf)).unwrap();
    assert_eq!(report.loaded.len(), whole.iter().count());
}

#[test]
fn weights_that_are_not_read_are_named() {
    for (file, word) in [
        ("tf_model.h5", "but tf_model.h5: weights of TensorFlow; convert it"),
        ("flax_model.msgpack", "weights of Flax; convert it"),
        ("adapter_model.safetensors", "not a complete model; merge it"),
        ("model.onnx", "an ONNX graph; save the model"),
        ("model.fp16.safetensors", "a variant of the weights; rename it to model.safetensors"),
        ("README.md", "nor pytorch_model.bin; put one"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(reference("tiny/config.json"), directory.path().join("config.json")).unwrap();
        fs::write(directory.path().join(file), "x").unwrap();
        let error = Classifier::load(directory.path(), &request(HeadKind::Hf)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn another_kind_of_head_is_ignored_and_named() {
    let (_, report) = Classifier::load(&reference("tiny-hf"), &request(HeadKind::Mlp)).unwrap();
    let ignored: Vec<_> = report.ignored.iter().map(ParamName::as_str).collect();
    let expected =
        ["classifier.bias", "classifier.weight", "pre_classifier.bias", "pre_classifier.weight"];
    assert_eq!(ignored, expected);
}

#[test]
fn what_is_saved_opens_as_it_was() {
    for head in [HeadKind::Mlp, HeadKind::Hf] {
        let directory = tempfile::tempdir().unwrap();
        let (model, _) = Classifier::load(&reference("tiny"), &request(head)).unwrap();
        model.save(directory.path()).unwrap();
        let again = Classifier::open(directory.path(), &Device::Cpu).unwrap();
        assert_eq!((again.head(), again.labels()), (head, model.labels()));
        for (name, value) in model.parameters().iter() {
            let other = again.parameters().get(name).unwrap();
            let same = value.eq(other.as_tensor()).unwrap().min_all().unwrap();
            assert_eq!(same.to_scalar::<u8>().unwrap(), 1, "{name}");
        }
    }
}

/// What becomes of a tensor: another name and value, or nothing.
type Change<'a> = dyn Fn(&str, Tensor) -> Option<(String, Tensor)> + 'a;

/// A copy of the tiny encoder whose tensors went through `change`.
fn altered(change: &Change<'_>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    fs::copy(reference("tiny/config.json"), path.join("config.json")).unwrap();
    let file = TensorFile::read(&reference("tiny/model.safetensors")).unwrap();
    let tensors = file.iter().filter_map(|(name, value)| change(name.as_str(), value.clone()));
    let tensors = tensors.map(|(name, value)| (name.into(), value)).collect();
    write_tensors(&path.join("model.safetensors"), &tensors).unwrap();
    (directory, path)
}

fn faults(directory: &Path) -> Vec<String> {
    match Classifier::load(directory, &request(HeadKind::Mlp)) {
        Err(ModelError::Tensors { faults, .. }) => faults,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn each_wrong_tensor_is_named() {
    let check = |change: &Change<'_>, expected: &[&str]| {
        let (_guard, path) = altered(change);
        assert_eq!(faults(&path), expected);
    };
    let bias = "transformer.layer.1.ffn.lin1.bias";
    let keep = |name: &str, value| Some((name.to_owned(), value));
    check(&|name, value| keep(name, value), &[]);
    check(
        &|name, value| (name != bias).then(|| (name.to_owned(), value)),
        &["tensor `transformer.layer.1.ffn.lin1.bias` is missing"],
    );
    check(
        &|name, value| {
            keep(name, if name == bias { value.narrow(0, 0, 2).unwrap() } else { value })
        },
        &["tensor `transformer.layer.1.ffn.lin1.bias` has shape [2], but [64] is needed"],
    );
    check(
        &|name, value| {
            keep(name, if name == bias { value.to_dtype(DType::I64).unwrap() } else { value })
        },
        &[
            "tensor `transformer.layer.1.ffn.lin1.bias` has type I64, but a floating-point one is needed",
        ],
    );
    check(
        &|name, value| {
            let name = if name == bias { "transformer.layer.9.ffn.lin1.bias" } else { name };
            keep(name, value)
        },
        &[
            "tensor `transformer.layer.1.ffn.lin1.bias` is missing",
            "tensor `transformer.layer.9.ffn.lin1.bias` is not expected by config.json",
        ],
    );
}

#[test]
fn other_classes_than_the_heads_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (model, _) = Classifier::load(&reference("tiny"), &request(HeadKind::Mlp)).unwrap();
    model.save(directory.path()).unwrap();
    let mut other = request(HeadKind::Mlp);
    other.labels = ["x", "y", "z"].map(str::to_owned).to_vec();
    let error = Classifier::load(directory.path(), &other).unwrap_err();
    assert!(matches!(error, ModelError::Labels { .. }), "{error}");
}

#[test]
fn classes_are_those_of_the_head_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let (model, _) = Classifier::load(&reference("tiny"), &request(HeadKind::Hf)).unwrap();
    model.save(directory.path()).unwrap();
    let path = directory.path().join("config.json");
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let check = |change: Value, expected: Result<[&str; 3], &str>| {
        let mut config = written.clone();
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        fs::write(&path, config.to_string()).unwrap();
        let pretrained = Pretrained::open(directory.path()).unwrap();
        match (pretrained.classes(HeadKind::Hf), expected) {
            (Ok(found), Ok(names)) => assert_eq!(found.unwrap(), names),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
        assert!(pretrained.classes(HeadKind::Mlp).unwrap().is_none());
        assert!(pretrained.without_head().classes(HeadKind::Hf).unwrap().is_none());
    };
    let unnamed = ["LABEL_0", "LABEL_1", "LABEL_2"];
    check(json!({}), Ok(["a", "b", "c"]));
    check(json!({"id2label": {"2": "x", "1": "y", "0": "z"}}), Ok(["z", "y", "x"]));
    check(json!({"id2label": null}), Ok(unnamed));
    check(json!({"id2label": null, "num_labels": 3}), Ok(unnamed));
    let fault = "`num_labels` is for 2 classes, but the classifier has 3";
    check(json!({"id2label": null, "num_labels": 2}), Err(fault));
    // transformers 2 wrote it into every file; the names are newer, and have the head's number.
    check(json!({"num_labels": 2}), Ok(["a", "b", "c"]));
    check(json!({"id2label": {"0": "a", "1": "b"}}), Err("is for 2 classes, but"));
    check(json!({"id2label": {"1": "a", "2": "b", "3": "c"}}), Err("from 0"));
}

#[test]
fn a_head_for_other_classes_is_made_afresh_where_it_is_passed_over() {
    let mut other = request(HeadKind::Hf);
    other.labels = ["x", "y"].map(str::to_owned).to_vec();
    let pretrained = || Pretrained::open(&reference("tiny-hf")).unwrap();
    let error = pretrained().classifier(&other).unwrap_err();
    assert!(matches!(error, ModelError::Labels { .. }), "{error}");
    let (model, report) = pretrained().without_head().classifier(&other).unwrap();
    assert_eq!((model.labels(), report.initialised.len()), (&other.labels[..], 4));
    assert_eq!(report.ignored.len(), 4);
}

#[test]
fn keys_that_contradict_what_is_written_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(reference("tiny").join(file), directory.path().join(file)).unwrap();
    }
    let path = directory.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["num_labels"] = json!(2);
    config["_num_labels"] = json!(2);
    config["torch_dtype"] = json!("float16");
    config["auto_map"] = json!({"AutoModel": "modeling.Model"});
    config["kept"] = json!("as it was");
    fs::write(&path, config.to_string()).unwrap();
    let (model, _) = Classifier::load(directory.path(), &request(HeadKind::Hf)).unwrap();
    model.save(directory.path()).unwrap();
    let saved: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for key in ["num_labels", "_num_labels", "torch_dtype", "auto_map"] {
        assert!(saved.get(key).is_none(), "{key}");
    }
    assert_eq!(saved["id2label"], json!({"0": "a", "1": "b", "2": "c"}));
    assert_eq!(saved["label2id"], json!({"a": 0, "b": 1, "c": 2}));
    assert_eq!(saved["dtype"], "float32");
    assert_eq!(saved["kept"], "as it was");
}

/// `tests/reference/in_python.py` runs the code; here it is there, and only where it belongs.
#[test]
fn a_head_that_python_lacks_comes_with_its_code_under_a_type_of_its_own() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let config = |directory: &Path| -> Value {
        serde_json::from_slice(&fs::read(directory.join("config.json")).unwrap()).unwrap()
    };
    let code = "modeling_lockstep.py";
    let labels = ["calm", "glad", "sad"].map(str::to_owned).to_vec();
    let calm = ModelRequest { labels, ..request(HeadKind::Mlp) };
    let (model, _) = Classifier::load(&reference("tiny-mlp"), &calm).unwrap();
    model.save(first.path()).unwrap();
    let mlp = config(first.path());
    assert_eq!(mlp["model_type"], "lockstep_distilbert");
    assert_eq!(mlp["architectures"], json!(["BERTClassifier"]));
    let classes = json!({
        "AutoConfig": "modeling_lockstep.LockstepConfig",
        "AutoModelForSequenceClassification": "modeling_lockstep.BERTClassifier",
    });
    assert_eq!(mlp["auto_map"], classes);
    let text = fs::read_to_string(first.path().join(code)).unwrap();
    for class in ["class LockstepConfig(", "class BERTClassifier(", "\"lockstep_distilbert\""] {
        assert!(text.contains(class), "{class}");
    }
    // Trained further with the other head, it is one of Hugging Face's own again.
    let (model, _) = Classifier::load(first.path(), &request(HeadKind::Hf)).unwrap();
    model.save(second.path()).unwrap();
    let hf = config(second.path());
    assert_eq!(hf["model_type"], "distilbert");
    assert_eq!(hf["architectures"], json!(["DistilBertForSequenceClassification"]));
    assert!(hf.get("auto_map").is_none() && !second.path().join(code).exists());
}

#[test]
fn a_bare_encoder_is_no_finished_model() {
    let error = Classifier::open(&reference("tiny"), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("has no classification head"), "{error}");
}

#[test]
fn limits_are_checked_before_anything_runs() {
    let (model, _) = Classifier::load(&reference("tiny"), &request(HeadKind::Mlp)).unwrap();
    let config = model.config();
    assert!(model.fits(config.vocabulary, config.positions).is_ok());
    let error = model.fits(config.vocabulary + 1, 8).unwrap_err().to_string();
    assert!(error.contains("so they do not belong together"), "{error}");
    let error = model.fits(8, config.positions + 1).unwrap_err();
    assert_eq!(error.remedy(), Some(ModelRemedy::CutTexts { positions: config.positions }));
    assert!(error.to_string().starts_with("texts may have"), "{error}");
}
