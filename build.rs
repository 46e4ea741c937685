//! Looks whether this machine has a Python for the tests that need one, so that they are listed as
//! ignored, with the reason, where it has none.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LOCKSTEP_PYTHON");
    println!("cargo::rustc-check-cfg=cfg(has_python, has_tensorboard, has_pandas)");
    let python = std::env::var("LOCKSTEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    println!("cargo::rustc-env=LOCKSTEP_PYTHON={python}");
    for (name, modules) in [
        ("has_python", "torch transformers safetensors"),
        ("has_tensorboard", "tensorboard"),
        ("has_pandas", "pandas huggingface_hub"),
    ] {
        let look = format!(
            "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, '{modules}'.split())))"
        );
        let found = Command::new(&python).args(["-c", &look]).output();
        if found.is_ok_and(|found| found.status.success()) {
            println!("cargo::rustc-cfg={name}");
        }
    }
}
