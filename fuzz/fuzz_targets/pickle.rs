//! The pickle in a file of `torch.save`, in an archive with two storages.
#![no_main]

use std::fs::File;
use std::io::Write;

use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fuzz_target!(|bytes: &[u8]| {
    let path = lockstep_fuzz::directory().join("pytorch_model.bin");
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(File::create(&path).expect("memory has room"));
    for (name, content) in [("data.pkl", bytes), ("data/0", &[0; 64]), ("data/1", &[0; 8])] {
        archive.start_file(format!("archive/{name}"), options).expect("a plain name");
        archive.write_all(content).expect("memory has room");
    }
    archive.finish().expect("memory has room");
    match lockstep_torch_file::read(File::open(path).expect("it was written")) {
        Ok(tensors) => assert!(tensors.len() < 1 << 16),
        Err(error) => drop(error.to_string()),
    }
});
