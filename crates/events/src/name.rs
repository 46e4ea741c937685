//! The name of an event file: TensorBoard reads the files of a directory in the order of their names.

/// What all names begin with.
pub const PREFIX: &str = "events.out.tfevents.";

/// `events.out.tfevents.<second>.<host>.<process>.0`, as torch's `SummaryWriter` names its files.
#[must_use]
pub fn file_name(second: u64, host: &str, process: u32) -> String {
    let host: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' })
        .take(100)
        .collect();
    format!("{PREFIX}{second:010}.{host}.{process}.0")
}

/// The second in the name of an event file; nothing for other names.
#[must_use]
pub fn second_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_second_and_no_folder() {
        let name = file_name(1_700_000_000, "no/de 1", 7);
        assert_eq!(name, "events.out.tfevents.1700000000.no_de_1.7.0");
        assert_eq!(second_of(&name), Some(1_700_000_000));
        assert_eq!(second_of("events.out.tfevents.x"), None);
        assert_eq!(second_of("metrics.jsonl"), None);
    }
}
