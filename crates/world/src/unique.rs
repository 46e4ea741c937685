//! Names of files that are written aside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// `name` with what no other call adds: of this process, of another one, or of one in a container that
/// numbers its processes for itself and shares the folder.
#[must_use]
pub fn unique_name(name: &str) -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{name}.{}-{}-{call}", std::process::id(), since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let (first, second) = (unique_name(".main"), unique_name(".main"));
        assert!(first.starts_with(".main.") && second.starts_with(".main."));
        assert_ne!(first, second);
    }
}
