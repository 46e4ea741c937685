//! Shared libraries that the GPU's way opens when it runs: where the loader would find them.
//!
//! They are looked for by name and not opened, since opening a driver's library starts it.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_gpu::LIBRARIES;
use lockstep_host::Environment;

use super::finding::Finding;

/// The loader's cache; the paths in it end in a zero byte, as its texts do.
const CACHE: &str = "/etc/ld.so.cache";
/// Where the loader looks by itself, on the systems there are.
const FOLDERS: [&str; 5] =
    ["/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib"];

/// All libraries the loader would find.
#[derive(Clone, Debug, Default)]
pub(super) struct Libraries(Vec<PathBuf>);

impl Libraries {
    /// Those on the loader's path, then those it knows.
    pub(super) fn of(environment: &Environment) -> Self {
        let own = environment.get("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = own.split(':').filter(|folder| !folder.is_empty()).chain(FOLDERS);
        let mut paths: Vec<PathBuf> = folders.flat_map(|folder| files(Path::new(folder))).collect();
        paths.extend(cached(&fs::read(CACHE).unwrap_or_default()));
        Self(paths)
    }

    /// The first whose name is `name`, or begins with it and a version.
    fn find(&self, name: &str) -> Option<&Path> {
        let is_it = |path: &&PathBuf| {
            let rest = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().find(is_it).map(PathBuf::as_path)
    }

    /// What CUDA's way needs.
    pub(super) fn cuda(&self) -> Finding {
        let absent: Vec<&str> =
            LIBRARIES.into_iter().filter(|name| self.find(name).is_none()).collect();
        if absent.is_empty() {
            return Finding::ok("CUDA", LIBRARIES.join(", "));
        }
        Finding::missing(
            "CUDA",
            format!("no {}", absent.join(", ")),
            "libcuda comes with the driver, the others with the CUDA toolkit; add their folder to \
             LD_LIBRARY_PATH; training on CPUs needs neither",
        )
    }

    /// What several GPUs need to talk.
    pub(super) fn nccl(&self) -> Finding {
        let opened = self.0.iter().find(|path| path.ends_with("libnccl.so"));
        match opened.map(PathBuf::as_path).or_else(|| self.find("libnccl.so")) {
            Some(path) if opened.is_some() => Finding::ok("NCCL", path.display().to_string()),
            Some(path) => Finding::warning(
                "NCCL",
                format!("only {}", path.display()),
                "the program opens libnccl.so: install libnccl-dev, or make a link of that name",
            ),
            None => Finding::missing(
                "NCCL",
                "no libnccl.so",
                "install libnccl2, or add its folder to LD_LIBRARY_PATH; only several GPUs need it",
            ),
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn cached(cache: &[u8]) -> Vec<PathBuf> {
    let texts = cache.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
    texts
        .filter(|text| text.starts_with('/'))
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_by_their_names() {
        let all = ["/x/libcuda.so.1", "/x/libcublas.so.13", "/x/libcublasLt.so", "/y/libnccl.so.2"];
        let libraries = Libraries(all.map(PathBuf::from).to_vec());
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(libraries.find(name), expected.map(Path::new), "{name}");
        };
        check("libcuda.so", Some("/x/libcuda.so.1"));
        check("libcublasLt.so", Some("/x/libcublasLt.so"));
        check("libcu", None);
        check("libnccl.so", Some("/y/libnccl.so.2"));
        let told = libraries.nccl().to_string();
        assert!(told.starts_with("warning  NCCL       only /y/libnccl.so.2"), "{told}");
        let all = ["/y/libnccl.so.2", "/y/libnccl.so"];
        let told = Libraries(all.map(PathBuf::from).to_vec()).nccl().to_string();
        assert!(told.starts_with("ok       NCCL       /y/libnccl.so"), "{told}");
        let told = libraries.cuda().to_string();
        assert!(told.starts_with("missing  CUDA       no libcurand.so, libnvrtc.so; "), "{told}");
    }

    #[test]
    fn the_loaders_path_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("libmade-up.so.7"), "").unwrap();
        let path = folder.path().display().to_string();
        let environment =
            [("LD_LIBRARY_PATH".to_owned(), format!(":{path}"))].into_iter().collect();
        assert!(Libraries::of(&environment).find("libmade-up.so").is_some());
        let cache = format!("\0\u{1}libmade-up.so.7\0{path}/libmade-up.so.7\0/no/such.so\0");
        assert_eq!(cached(cache.as_bytes()), [folder.path().join("libmade-up.so.7")]);
    }
}
