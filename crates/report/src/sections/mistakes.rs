//! The mistakes that the model was surest of, with their texts: often a wrong label, or a kind of text that
//! training lacks.

use super::class_name;
use crate::html::{isolated, shortened};
use crate::numbers::percent;
use crate::run::{Mistake, Run};

/// Characters of a text that are shown.
const SHOWN: usize = 600;

/// The table of mistakes.
pub(crate) fn mistakes(run: &Run) -> String {
    let Some(mistakes) = &run.mistakes else { return String::new() };
    if mistakes.is_empty() {
        return "<p>There are none.</p>\n".to_owned();
    }
    let row = |mistake: &Mistake| {
        let name = |class| isolated(&shortened(&class_name(&run.classes, class), 80));
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>\
             <td class=\"text\" dir=\"auto\">{}</td></tr>\n",
            percent(mistake.confidence),
            name(mistake.label),
            name(mistake.found),
            isolated(&shortened(&mistake.text, SHOWN))
        )
    };
    let rows: String = mistakes.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Most confident mistakes\">\
         <table class=\"words\"><thead><tr><th scope=\"col\">confidence</th>\
         <th scope=\"col\">true class</th><th scope=\"col\">predicted</th>\
         <th scope=\"col\">text</th></tr></thead><tbody>\n{rows}\
         </tbody></table></div>\n"
    )
}
