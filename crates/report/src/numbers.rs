//! Numbers as people read them.

/// About four digits: `0.8520`, `12.3`, `1.50e-5`, `43,210`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "not finite".to_owned(),
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e9).contains(&size) => format!("{value:.2e}"),
        _ if size < 10.0 => format!("{value:.4}"),
        _ if size < 1000.0 => format!("{value:.1}"),
        _ => thousands(value),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below 10^9")]
fn thousands(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", count(value.abs().round() as u64))
}

/// `12,345`
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// `85.2 %`
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "–".to_owned() }
}

/// `1:02:03`, `4.2 s`, `12 ms`
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
pub(crate) fn seconds(value: f64) -> String {
    match value {
        _ if !value.is_finite() || value < 0.0 => "–".to_owned(),
        _ if value < 1.0 => format!("{:.1} ms", value * 1e3),
        _ if value < 60.0 => format!("{value:.1} s"),
        _ => {
            let whole = value.round() as u64;
            let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
            if hours > 0 {
                format!("{hours}:{minutes:02}:{rest:02} h")
            } else {
                format!("{minutes}:{rest:02} min")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let all = [0.852, 12.34, 1.5e-5, 43_210.4, -1234.0, 0.0, f64::NAN, 2e12];
        let shown = all.map(number).join(" ");
        assert_eq!(shown, "0.8520 12.3 1.50e-5 43,210 -1,234 0 not finite 2.00e12");
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(count).join(" "), "0 12 123 1,234 1,234,567");
        let all = [0.0123, 4.21, 61.0, 3723.0, f64::NAN].map(seconds).join(" ");
        assert_eq!(all, "12.3 ms 4.2 s 1:01 min 1:02:03 h –");
    }
}
