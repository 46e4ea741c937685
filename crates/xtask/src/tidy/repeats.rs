//! Passages that stand in two places. They are listed, not forbidden: two may look alike by chance.

use std::collections::HashMap;

use super::anatomy::Anatomy;
use super::source::Source;

/// So many equal lines of code in a row are a passage.
const PASSAGE: usize = 8;

/// A line of code: the file's place in the list, the line's number, the text without indentation.
type Line<'a> = (usize, usize, &'a str);

/// One line for each passage and place after the first.
pub(super) fn list(sources: &[&Source], anatomies: &[Anatomy<'_>]) -> String {
    let lines: Vec<Line<'_>> = sources
        .iter()
        .zip(anatomies)
        .enumerate()
        .flat_map(|(file, (source, anatomy))| code_lines(file, source, anatomy))
        .collect();
    let place =
        |&(file, number, _): &Line<'_>| format!("{}:{number}", sources[file].path.display());
    let found = repeats(&lines);
    let rows = found.iter().map(|&(first, again)| {
        format!("repeated: {} is also at {}\n", place(&lines[first]), place(&lines[again]))
    });
    rows.collect::<String>()
        + &format!("{} passages of {PASSAGE} lines are repeated\n", found.len())
}

/// Lines that say something: neither a lone bracket nor an import.
fn code_lines<'a>(file: usize, source: &'a Source, anatomy: &Anatomy<'_>) -> Vec<Line<'a>> {
    let numbered = (1..).zip(source.text.lines().map(str::trim));
    let code = numbered.filter(|(number, line)| {
        anatomy.code[*number] && line.contains(char::is_alphanumeric) && !line.contains("use ")
    });
    code.map(|(number, line)| (file, number, line)).collect()
}

/// Where passages begin, first and again; a longer passage counts once.
fn repeats(lines: &[Line<'_>]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<Vec<&str>, usize> = HashMap::new();
    let (mut found, mut previous) = (Vec::new(), None);
    for (start, window) in lines.windows(PASSAGE).enumerate() {
        if window[0].0 != window[PASSAGE - 1].0 {
            previous = None;
            continue;
        }
        let texts = window.iter().map(|&(_, _, text)| text).collect();
        let first = *seen.entry(texts).or_insert(start);
        let repeat = (first != start).then_some(first);
        if let Some(first) = repeat.filter(|&first| previous.is_none_or(|last| last + 1 != first)) {
            found.push((first, start));
        }
        previous = repeat;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_passage_counts_once() {
        let check = |text: &str, expected: &[(usize, usize)]| {
            let lines: Vec<Line<'_>> =
                text.split_whitespace().enumerate().map(|(at, word)| (0, at, word)).collect();
            assert_eq!(repeats(&lines), expected, "{text}");
        };
        check("a b c d e f g h i j", &[]);
        check("a b c d e f g h i x a b c d e f g h i y", &[(0, 10)]);
        check("a b c d e f g x a b c d e f g y", &[]);
    }
}
