//! The colours and the style of a page, for light and for dark.

use std::fmt::Write;

/// Colours of curves; beyond them, dashes tell curves apart.
pub(crate) const COLOURS: usize = 6;
/// Kinds of dashes.
pub(crate) const DASHES: usize = 4;

/// How strongly the fullest cell of a confusion matrix is coloured.
pub(crate) const STRONGEST: f64 = 0.4;

/// A name and its colours in light and in dark.
type Colour = (&'static str, [&'static str; 2]);

/// What text and lines have. Text has a contrast of at least 4.5 with each paper, curves 3 (WCAG AA).
const PALETTE: [Colour; 12] = [
    ("paper", ["#ffffff", "#14171c"]),
    ("panel", ["#f4f6f8", "#1d2229"]),
    ("ink", ["#1b1f24", "#e8ebef"]),
    ("faint", ["#57606a", "#a4adb8"]),
    ("rule", ["#d3d9df", "#3a424d"]),
    ("link", ["#0a58a8", "#7cb8f7"]),
    ("c0", ["#1565c0", "#64a8f5"]),
    ("c1", ["#b34700", "#f2995a"]),
    ("c2", ["#1b7a3d", "#5cc98a"]),
    ("c3", ["#8a3ab9", "#c792ea"]),
    ("c4", ["#b0174f", "#f27ba5"]),
    ("c5", ["#5b6200", "#c9c34f"]),
];

/// The palette as variables of the element `root`, chosen by what the reader prefers.
pub(crate) fn colours(root: &str) -> String {
    let variables = |dark: usize| {
        PALETTE.iter().fold(String::new(), |mut all, (name, colours)| {
            let _ = write!(all, "--{name}:{};", colours[dark]);
            all
        })
    };
    let (light, dark) = (variables(0), variables(1));
    let mut out = format!(
        "{root}{{color-scheme:light dark;{light}}}\n\
         @media (prefers-color-scheme:dark){{{root}{{{dark}}}}}\n"
    );
    for colour in 0..COLOURS {
        let _ = writeln!(
            out,
            ".line.c{colour}{{stroke:var(--c{colour})}}.band.c{colour},.column.c{colour},\
             .mark.c{colour}{{fill:var(--c{colour})}}"
        );
    }
    out
}

/// What figures need.
pub(crate) const FIGURE: &str = "\
.figure{font:13px system-ui,-apple-system,'Segoe UI',sans-serif}
.figure .paper{fill:var(--paper)}
.figure text{fill:var(--ink)}
.figure .title{font-weight:600;font-size:15px}
.figure .tick{fill:var(--faint)}
.figure .grid{stroke:var(--rule)}
.figure .axis{stroke:var(--faint)}
.figure .line{fill:none;stroke-width:2;stroke-linejoin:round}
.figure .band{fill-opacity:.22}
.figure .d1{stroke-dasharray:7 4}
.figure .d2{stroke-dasharray:2 3}
.figure .d3{stroke-dasharray:9 3 2 3}
";

/// What the page needs beside.
pub(crate) const PAGE: &str = "\
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main,header,footer,nav{max-width:1320px;margin:0 auto;padding:0 20px}
header{padding-top:24px}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:40px 0 10px;border-bottom:1px solid var(--rule);padding-bottom:4px;\
overflow-wrap:anywhere}
h3{font-size:1.05rem;margin:24px 0 8px}
p{margin:6px 0;max-width:75ch}
.faint,figcaption,footer{color:var(--faint)}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);\
outline-offset:2px}
.skip{position:absolute;left:-9999px}
.skip:focus{left:12px;top:12px;background:var(--paper);padding:8px;z-index:1}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:12px 0;padding:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;\
margin:16px 0;padding:0}
.tiles div{background:var(--panel);border-radius:8px;padding:10px 14px;min-width:0}
.tiles dt{color:var(--faint);font-size:.85rem}
.tiles dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
.tiles small{display:block;font-size:.8rem;font-weight:400;color:var(--faint)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:16px}
figure{margin:0;background:var(--panel);border-radius:8px;padding:8px 8px 12px;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:640px;margin:0 auto}
figcaption{font-size:.85rem;padding:4px 8px 0}
.scroll{overflow-x:auto;max-width:100%;margin:10px 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
th{font-weight:600}
tbody th,th:first-child{text-align:left}
td.text,th.text,.words td,.words th{text-align:left}
td.text{min-width:16rem;overflow-wrap:anywhere}
.matrix td{min-width:4.2rem;text-align:center;border:1px solid var(--rule)}
.matrix td.hit{font-weight:700}
.matrix thead th{max-width:9rem;overflow-wrap:anywhere;text-align:center;vertical-align:bottom}
.bar{display:inline-block;width:90px;height:10px;margin-right:8px;background:var(--rule);\
border-radius:3px;overflow:hidden;vertical-align:middle}
.bar span{display:block;height:100%;background:var(--c0)}
.differs td{font-weight:600}
details{margin:10px 0}
summary{cursor:pointer;padding:4px 0}
footer{padding-top:32px;padding-bottom:32px;font-size:.85rem}
@media (max-width:500px){main,header,footer,nav{padding-left:12px;padding-right:12px}}
@media print{.figures{display:block}figure{break-inside:avoid}}
";

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// A colour over a background.
    fn over(colour: &str, share: f64, below: &str) -> String {
        let part =
            |of: &str, at: usize| f64::from(u8::from_str_radix(&of[at..at + 2], 16).unwrap());
        let mixed = [1, 3, 5].map(|at| {
            let value = part(colour, at) * share + part(below, at) * (1.0 - share);
            format!("{:02x}", value.round() as u8)
        });
        format!("#{}", mixed.concat())
    }

    #[test]
    fn contrasts_are_those_of_wcag_aa() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        for dark in [0, 1] {
            let of = |name: &str| PALETTE.iter().find(|one| one.0 == name).unwrap().1[dark];
            for paper in ["paper", "panel"] {
                for text in ["ink", "faint", "link"] {
                    let found = contrast(of(text), of(paper));
                    assert!(found >= 4.5, "{text} on {paper}, {dark}: {found}");
                }
                for colour in 0..COLOURS {
                    let found = contrast(of(&format!("c{colour}")), of(paper));
                    assert!(found >= 3.0, "c{colour} on {paper}, {dark}: {found}");
                }
            }
            // The cells of a confusion matrix.
            for (colour, share) in [("c0", STRONGEST), ("c1", STRONGEST)] {
                let cell = over(of(colour), share, of("paper"));
                let found = contrast(of("ink"), &cell);
                assert!(found >= 4.5, "a cell of {colour}, {dark}: {found}");
            }
        }
    }
}
