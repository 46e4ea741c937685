//! What users chose, inside of YAML and Markdown.

use std::fmt::Write;

/// A text as a double-quoted scalar of YAML, whatever it holds.
pub(super) fn yaml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            // What YAML calls not printable, and what it takes for the end of a line.
            c if c.is_control() || "\u{85}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}".contains(c) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as code within a line, also within a table.
pub(super) fn code(text: &str) -> String {
    let line = one_line(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&line) + 1);
    let gap = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    match line.trim().is_empty() {
        true => "` `".to_owned(),
        false => format!("{fence}{gap}{line}{gap}{fence}"),
    }
}

/// A text between other words.
pub(super) fn words(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        if "\\`*_{}[]<>#|~&!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Lines of code, behind a fence that they do not hold.
pub(super) fn block(language: &str, lines: &str) -> String {
    let fence = "`".repeat((longest_run(lines) + 1).max(3));
    format!("{fence}{language}\n{lines}\n{fence}\n")
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_yaml_or_markdown_is_written_so_that_it_does_not() {
        let check = |text: &str, expected: [&str; 3]| {
            assert_eq!([yaml(text), code(text), words(text)], expected, "{text:?}");
        };
        check("plain", [r#""plain""#, "`plain`", "plain"]);
        check("a: \"b\"\\", [r#""a: \"b\"\\""#, "`a: \"b\"\\`", r#"a: "b"\\"#]);
        check("a|b`c", [r#""a|b`c""#, r"``a\|b`c``", r"a\|b\`c"]);
        check("`a``", [r#""`a``""#, "``` `a`` ```", r"\`a\`\`"]);
        check("---\n# x", [r#""---\u000a# x""#, "`--- # x`", r"--- \# x"]);
        check("\u{85}é\u{1f600}", ["\"\\u0085é\u{1f600}\"", "` é\u{1f600}`", " é\u{1f600}"]);
        check("", [r#""""#, "` `", ""]);
        check("<b>[x](y)", [r#""<b>[x](y)""#, "`<b>[x](y)`", r"\<b\>\[x\](y)"]);
        assert_eq!(block("sh", "a\n```\nb"), "````sh\na\n```\nb\n````\n");
    }
}
