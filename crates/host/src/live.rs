//! The view of a run at work at the bottom of a terminal, drawn by indicatif on the standard error.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What makes a frame for so many columns.
pub type View = Box<dyn FnMut(usize) -> Frame + Send>;

/// What is shown: bars, and lines of text below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// A bar, then another one.
    pub bars: [Bar; 2],
    /// Lines, none of which is wider than the terminal.
    pub lines: Vec<String>,
}

/// A bar between two texts; it takes the columns that they leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// What it shows.
    pub label: String,
    /// How much is done.
    pub done: u64,
    /// Of how much.
    pub of: u64,
    /// What stands behind it.
    pub after: String,
}

/// A view that is being drawn.
pub(crate) struct Live {
    view: View,
    all: MultiProgress,
    bars: [ProgressBar; 2],
}

impl Live {
    pub(crate) fn new(view: View) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("##-");
        let bars = [(); 2].map(|()| all.add(ProgressBar::new(0).with_style(style.clone())));
        Self { view, bars, all }
    }

    /// Draws a frame for a terminal of this width.
    pub(crate) fn draw(&mut self, columns: usize) {
        let Frame { bars, lines } = (self.view)(columns);
        let [first, mut second] = bars;
        second.after = [vec![second.after], lines].concat().join("\n");
        for (shown, bar) in self.bars.iter().zip([first, second]) {
            shown.set_length(bar.of);
            shown.set_position(bar.done);
            shown.set_prefix(bar.label);
            shown.set_message(bar.after);
        }
    }

    /// Writes lines above the view.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }

    /// Removes the view from the terminal.
    pub(crate) fn clear(self) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
        let _ = self.all.clear();
    }
}
