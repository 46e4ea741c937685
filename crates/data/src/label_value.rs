//! What a label says, whatever wrote it: pandas turns the 1 of a column with a gap into 1.0, and a
//! boolean into True.

use std::borrow::Cow;

/// The mark of a row without a label, beside labels that count from zero (Hugging Face's data sets).
pub(crate) const NO_LABEL: &str = "-1";

/// The value of `label`: two labels of one value are one class.
///
/// Whole numbers lose a fraction of zeros, booleans the case of their letters. All other labels are
/// their own value, `01` too, which may be a code.
pub(crate) fn value_of(label: &str) -> Cow<'_, str> {
    for truth in ["true", "false"] {
        if label.eq_ignore_ascii_case(truth) {
            return Cow::Borrowed(truth);
        }
    }
    let whole = match label.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => label,
    };
    match whole {
        "-0" => Cow::Borrowed("0"),
        whole if is_integer(whole) => Cow::Borrowed(whole),
        _ => Cow::Borrowed(label),
    }
}

/// Whether `value` is a whole number, of any size.
pub(crate) fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Whether `value` is a whole number that is not negative.
pub(crate) fn is_count(value: &str) -> bool {
    is_integer(value) && !value.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_one_class_whatever_wrote_it() {
        let check = |label: &str, value: &str| assert_eq!(value_of(label), value, "{label}");
        for (labels, value) in [
            (&["1", "1.0", "1.", "1.000"][..], "1"),
            (&["0", "-0", "0.0", "-0.0"], "0"),
            (&["-1", "-1.0"], "-1"),
            (&["true", "True", "TRUE"], "true"),
            (&["false", "False"], "false"),
            (&["123456789012345678901234567890.0"], "123456789012345678901234567890"),
        ] {
            labels.iter().for_each(|label| check(label, value));
        }
        for own in ["1.5", "01", "+1", "1e0", ".0", ".", "-", "v1.0", "1.0.0", "Pos", "pos", "1,0"]
        {
            check(own, own);
        }
    }
}
