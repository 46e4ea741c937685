//! Compiles the emulator and all kernels of crates/gpu/src/cuda with the C++ compiler.

use std::path::{Path, PathBuf};
use std::{env, error::Error, fmt::Write, fs};

/// What is compiled, and what it includes.
const SUFFIXES: [&str; 4] = ["cu", "cuh", "cpp", "hpp"];

fn main() -> Result<(), Box<dyn Error>> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let cpp = crate_dir.join("cpp");
    let kernels = crate_dir.join("../gpu/src/cuda").canonicalize()?;
    let mut sources = Vec::new();
    for directory in [&cpp, &kernels, &crate_dir.join("faults")] {
        println!("cargo::rerun-if-changed={}", directory.display());
        sources.extend(files(directory)?);
    }
    for file in &sources {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let mut build = cc::Build::new();
    build.cpp(true).std("c++20").opt_level(2).include(&cpp).include(&kernels).warnings(false);
    build.flag("-w").flag("-fno-strict-aliasing").flag("-ffp-contract=off");
    // An address that does not suit its type is an error on a GPU.
    build.flag("-fsanitize=alignment").flag("-fsanitize-undefined-trap-on-error");
    build.files(sources.iter().filter(|file| has_suffix(file, "cpp")));
    build.files(units(&out, sources.iter().filter(|file| has_suffix(file, "cu")))?);
    build.try_compile("lockstep_emulator_cpp")?;
    Ok(())
}

/// The files of a directory with one of our suffixes, in order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if SUFFIXES.iter().any(|suffix| has_suffix(&path, suffix)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

/// Writes a C++ file around each file of kernels, and one that names all, so that the linker keeps
/// them. A namespace without a name keeps functions of the same name in two files apart.
fn units<'a>(
    out: &Path,
    kernels: impl Iterator<Item = &'a PathBuf>,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let (mut units, mut declared, mut called) = (Vec::new(), String::new(), String::new());
    for file in kernels {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a name is not UTF-8")?;
        let unit = out.join(format!("kernels_{stem}.cpp"));
        let text = format!(
            "#include \"emulator.hpp\"\nnamespace {{\n#include \"{}\"\n}}\nvoid \
             emulator_keep_{stem}() {{}}\n",
            file.display()
        );
        write_if_changed(&unit, &text)?;
        writeln!(declared, "void emulator_keep_{stem}();")?;
        writeln!(called, "    emulator_keep_{stem}();")?;
        units.push(unit);
    }
    let all = out.join("kernels.cpp");
    let text = format!("{declared}extern \"C\" void emulator_keep_all() {{\n{called}}}\n");
    write_if_changed(&all, &text)?;
    units.push(all);
    Ok(units)
}

fn write_if_changed(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text)?;
    }
    Ok(())
}
