//! Durations as people read them.

/// `0:07`, `12:34` or `1:02:03`.
pub(crate) fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float saturates, and no run takes that long"
    )]
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_seconds() {
        let check = |seconds, expected| assert_eq!(clock(seconds), expected);
        check(0.0, "0:00");
        check(6.6, "0:07");
        check(754.0, "12:34");
        check(3723.0, "1:02:03");
        check(-1.0, "0:00");
        check(f64::NAN, "0:00");
    }
}
