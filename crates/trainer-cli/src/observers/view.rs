//! The live view of a run: a bar of its epoch, a bar of all updates, and two lines of figures.
//!
//! No line is wider than the terminal. Where it is narrow, fields are left out, in this order: the number
//! of ranks, memory, MFU, the learning rate, tokens a second, where the last evaluation was, the
//! ETA; loss and last evaluation stay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockstep_collective::{Moment, Phase, PhaseBoard};
use lockstep_host::live::{Bar, Frame, View};

use super::duration::clock;

/// What the view shows, as the events change it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) step: u64,
    pub(crate) total: u64,
    pub(crate) per_epoch: u64,
    pub(crate) loss: Option<f64>,
    /// Of the encoder.
    pub(crate) learning_rate: f64,
    pub(crate) tokens_per_second: f64,
    /// Percent of what the cards' datasheet promises.
    pub(crate) mfu: Option<f64>,
    pub(crate) seconds_left: Option<f64>,
    /// The name and value of the newest evaluation, and its update.
    pub(crate) evaluation: Option<Evaluated>,
    pub(crate) ranks: usize,
}

/// What an evaluation found.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    pub(crate) accuracy: f64,
    pub(crate) loss: f64,
    pub(crate) step: u64,
}

/// Figures that one thread changes and another one draws.
#[derive(Clone, Default)]
pub(crate) struct SharedFigures(Arc<Mutex<Figures>>);

impl SharedFigures {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view of these figures; `board` says what the rank is doing.
    pub(crate) fn view(&self, board: &PhaseBoard) -> View {
        let (figures, board) = (self.clone(), board.clone());
        Box::new(move |columns| {
            let now = figures.lock().clone();
            let phase = Moment::read(board.word()).map(|moment| moment.phase);
            frame(&now, phase, memory(), columns)
        })
    }
}

/// Bytes that this process has in memory.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A frame for a terminal of so many columns.
fn frame(figures: &Figures, phase: Option<Phase>, memory: Option<u64>, columns: usize) -> Frame {
    let Figures { step, total, per_epoch, .. } = *figures;
    let per_epoch = per_epoch.max(1);
    let epochs = total.div_ceil(per_epoch).max(1);
    let epoch = (step / per_epoch).min(epochs - 1);
    let here = step - epoch * per_epoch;
    let bars = [
        (format!("epoch {}/{epochs}", epoch + 1), here, per_epoch.min(total)),
        ("updates".to_owned(), step, total),
    ];
    let width = bars.iter().map(|(label, ..)| label.len()).max().unwrap_or(0);
    let counts = bars.each_ref().map(|(_, done, of)| format!("{done}/{of}"));
    let after = counts.iter().map(String::len).max().unwrap_or(0);
    let mut counts = counts.into_iter();
    let bars = bars.map(|(label, done, of)| Bar {
        label: format!("{label:<width$}"),
        done,
        of,
        after: format!("{:>after$}", counts.next().unwrap_or_default()),
    });
    let lines = [progress(figures, phase), standing(figures, memory)];
    Frame { bars, lines: lines.map(|fields| fitted(fields, columns)).to_vec() }
}

/// A field, and how soon it is left out: the highest number first.
type Field = (u8, String);

fn progress(figures: &Figures, phase: Option<Phase>) -> Vec<Field> {
    let loss = figures.loss.map_or_else(String::new, |loss| format!("loss {loss:.4}"));
    let left = figures.seconds_left.map_or_else(String::new, |left| format!("ETA {}", clock(left)));
    let mfu = figures.mfu.map_or_else(String::new, |mfu| format!("MFU {mfu:.1} %"));
    let phase = phase.filter(|phase| matches!(phase, Phase::Evaluating | Phase::Saving));
    let (rate, tokens) = match figures.loss {
        Some(_) => (
            format!("lr {:.2e}", figures.learning_rate),
            format!("{:.0} tokens/s", figures.tokens_per_second),
        ),
        None => (String::new(), "waiting for the first update".to_owned()),
    };
    vec![
        (0, loss),
        (4, rate),
        (3, tokens),
        (5, mfu),
        (1, left),
        (0, phase.map_or_else(String::new, |phase| phase.words().to_owned())),
    ]
}

fn standing(figures: &Figures, memory: Option<u64>) -> Vec<Field> {
    let (found, at) = match &figures.evaluation {
        Some(Evaluated { accuracy, loss, step }) => (
            format!("accuracy {accuracy:.4}"),
            format!("validation loss {loss:.4} at update {step}"),
        ),
        None => ("not evaluated yet".to_owned(), String::new()),
    };
    let memory = memory.map_or_else(String::new, |bytes| match bytes {
        0..1_000_000_000 => format!("{} MB memory", bytes / 1_000_000),
        _ => format!("{:.1} GB memory", bytes as f64 / 1e9),
    });
    let ranks = match figures.ranks {
        1 => "1 rank".to_owned(),
        ranks => format!("{ranks} ranks"),
    };
    vec![(0, found), (2, at), (6, memory), (7, ranks)]
}

/// The fields in one line, without those that there is no room for.
fn fitted(mut fields: Vec<Field>, columns: usize) -> String {
    const BETWEEN: &str = " | ";
    fields.retain(|(_, text)| !text.is_empty());
    loop {
        let texts: Vec<&str> = fields.iter().map(|(_, text)| text.as_str()).collect();
        let line = texts.join(BETWEEN);
        if line.chars().count() <= columns {
            return line;
        }
        let last = fields.iter().enumerate().max_by_key(|(_, (soon, _))| *soon);
        match last.map(|(at, (soon, _))| (at, *soon)) {
            Some((at, soon)) if soon > 0 => drop(fields.remove(at)),
            _ => return line.chars().take(columns).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(columns: usize, phase: Phase, expected: Expect) {
        let figures = Figures {
            step: 596,
            total: 1299,
            per_epoch: 433,
            loss: Some(0.392_11),
            learning_rate: 1.2e-5,
            tokens_per_second: 12_345.6,
            mfu: Some(45.52),
            seconds_left: Some(754.0),
            evaluation: Some(Evaluated { accuracy: 0.852, loss: 0.35, step: 433 }),
            ranks: 4,
        };
        let Frame { bars, lines } = frame(&figures, Some(phase), Some(3_210_000_000), columns);
        let bars = bars.map(|bar| format!("{} [{}] {}", bar.label, bar.done, bar.after));
        expected.assert_eq(&[&bars[..], &lines[..]].concat().join("\n"));
        assert!(lines.iter().all(|line| line.chars().count() <= columns));
    }

    #[test]
    fn narrow_terminals_leave_fields_out_in_a_fixed_order() {
        check(
            80,
            Phase::Computing,
            expect![[r#"
                epoch 2/3 [163]  163/433
                updates   [596] 596/1299
                loss 0.3921 | lr 1.20e-5 | 12346 tokens/s | MFU 45.5 % | ETA 12:34
                accuracy 0.8520 | validation loss 0.3500 at update 433 | 3.2 GB memory | 4 ranks"#]],
        );
        check(
            60,
            Phase::Saving,
            expect![[r#"
                epoch 2/3 [163]  163/433
                updates   [596] 596/1299
                loss 0.3921 | 12346 tokens/s | ETA 12:34 | saving
                accuracy 0.8520 | validation loss 0.3500 at update 433"#]],
        );
        check(
            40,
            Phase::Computing,
            expect![[r#"
                epoch 2/3 [163]  163/433
                updates   [596] 596/1299
                loss 0.3921 | 12346 tokens/s | ETA 12:34
                accuracy 0.8520"#]],
        );
        check(
            25,
            Phase::Evaluating,
            expect![[r#"
                epoch 2/3 [163]  163/433
                updates   [596] 596/1299
                loss 0.3921 | evaluating
                accuracy 0.8520"#]],
        );
    }
}
