//! Lines that hold a label and a text without a header: fastText's and TREC's.

use super::Cells;
use crate::bad_row::BadRowKind;
use crate::format::Format;

/// What introduces a label of fastText.
const PREFIX: &str = "__label__";
/// The lines that must have the form of a format for it to be recognised.
const LOOKED_AT: usize = 5;

/// The columns of such a format.
pub(crate) fn columns(format: Format) -> &'static [&'static str] {
    match format {
        Format::Trec => &["text", "label", "fine_label"],
        _ => &["text", "label"],
    }
}

/// The cells of a line, in the order of [`columns`].
pub(super) fn cells(format: Format, line: &str) -> Result<Cells, BadRowKind> {
    let cells = match format {
        Format::Trec => trec(line)?.map(str::to_owned).to_vec(),
        _ => fast_text(line)?.map(str::to_owned).to_vec(),
    };
    Ok(Cells::Row(cells))
}

/// The format that the first lines of a file with an unknown name have, if they all have one.
pub(crate) fn recognised(beginning: &str) -> Option<Format> {
    let lines = || beginning.lines().filter(|line| !line.trim().is_empty()).take(LOOKED_AT);
    let all = |fits: fn(&str) -> bool| lines().next().is_some() && lines().all(fits);
    // A line of several labels is of fastText too, although it is not one that can be used.
    if all(|line| line.trim_start().starts_with(PREFIX)) {
        return Some(Format::FastText);
    }
    all(|line| trec(line).is_ok()).then_some(Format::Trec)
}

/// `__label__LABEL TEXT`.
fn fast_text(line: &str) -> Result<[&str; 2], BadRowKind> {
    let (mut rest, mut label, mut labels) = (line.trim(), "", 0);
    while let Some(labelled) = rest.strip_prefix(PREFIX) {
        let end = labelled.find(char::is_whitespace).unwrap_or(labelled.len());
        (label, rest) = (&labelled[..end], labelled[end..].trim_start());
        labels += 1;
    }
    match labels {
        0 => Err(BadRowKind::NoLabelInFront { expected: "__label__NAME" }),
        1 => Ok([rest, label]),
        _ => Err(BadRowKind::SeveralLabels { labels }),
    }
}

/// `LABEL:sub TEXT`; the finer label is the whole of it.
fn trec(line: &str) -> Result<[&str; 3], BadRowKind> {
    let line = line.trim();
    let (fine, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let is_word = |word: &str, fits: fn(&char) -> bool| {
        !word.is_empty() && word.chars().all(|letter| fits(&letter) || letter == '_')
    };
    match fine.split_once(':') {
        Some((coarse, sub))
            if is_word(coarse, char::is_ascii_uppercase)
                && is_word(sub, char::is_ascii_alphanumeric) =>
        {
            Ok([text.trim_start(), coarse, fine])
        }
        _ => Err(BadRowKind::NoLabelInFront { expected: "LABEL:sub" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_their_label() {
        let check = |format, line: &str, expected: Result<&[&str], BadRowKind>| {
            let expected = expected
                .map(|cells| Cells::Row(cells.iter().map(|&cell| cell.to_owned()).collect()));
            assert_eq!(cells(format, line), expected, "{line}");
        };
        let (fast, trec) = (Format::FastText, Format::Trec);
        check(fast, "__label__good  a warm day \r", Ok(&["a warm day", "good"]));
        check(fast, "__label__2\tbleak", Ok(&["bleak", "2"]));
        check(fast, "__label__good", Ok(&["", "good"]));
        check(fast, "__label__ a day", Ok(&["a day", ""]));
        check(
            fast,
            "a day __label__x",
            Err(BadRowKind::NoLabelInFront { expected: "__label__NAME" }),
        );
        check(fast, "__label__a __label__b c", Err(BadRowKind::SeveralLabels { labels: 2 }));
        check(
            trec,
            "DESC:manner How did it end ?",
            Ok(&["How did it end ?", "DESC", "DESC:manner"]),
        );
        check(trec, "NUM:dist How far?", Ok(&["How far?", "NUM", "NUM:dist"]));
        for line in ["How did it end ?", "Note: this", "a:b c", "DESC: text", ":x y"] {
            check(trec, line, Err(BadRowKind::NoLabelInFront { expected: "LABEL:sub" }));
        }
    }

    #[test]
    fn a_format_is_recognised_by_its_first_lines() {
        let check = |text: &str, format| assert_eq!(recognised(text), format, "{text}");
        check("", None);
        check("\n__label__a b\n__label__a __label__c d\n", Some(Format::FastText));
        check("DESC:manner a ?\nENTY:animal b ?\n", Some(Format::Trec));
        check("DESC:manner a ?\nNo label\n", None);
        check("a warm day\n", None);
        check("NOTE:this is a text\n", Some(Format::Trec));
    }
}
