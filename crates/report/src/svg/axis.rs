//! An axis: which numbers it shows, and where a value lies on it.

/// From a value to a place.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    /// Where `from` and `to` lie, in pixels.
    places: [f64; 2],
    step: f64,
}

impl Axis {
    /// An axis for values from `least` to `most`, with about `ticks` round numbers.
    pub(super) fn of(least: f64, most: f64, ticks: f64, places: [f64; 2]) -> Self {
        let (least, most) = match () {
            () if !(least.is_finite() && most.is_finite() && (most - least).is_finite()) => {
                (0.0, 1.0)
            }
            // All the same.
            () if most - least <= least.abs() * 1e-9 => {
                let room = if least == 0.0 { 1.0 } else { least.abs() * 0.1 };
                (least - room, most + room)
            }
            () => (least, most),
        };
        let step = round_step((most - least) / ticks);
        // A value on a round number, but for rounding, needs no further step.
        let from = (least / step + 1e-9).floor() * step;
        let to = (most / step - 1e-9).ceil() * step;
        Self { from, to, places, step }
    }

    /// The same without room beyond the values.
    pub(super) fn tight(self, least: f64, most: f64) -> Self {
        if most > least { Self { from: least, to: most, ..self } } else { self }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.places[0] + share * (self.places[1] - self.places[0])
    }

    /// The numbers shown, with their texts.
    #[expect(clippy::cast_possible_truncation, reason = "a float saturates, and few are taken")]
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.from / self.step - 1e-6).ceil() as i64;
        let last = (self.to / self.step + 1e-6).floor() as i64;
        let tick = |number: i64| {
            let value = number as f64 * self.step;
            (value, label(value, self.step))
        };
        (first..=last).take(20).map(tick).collect()
    }
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= rough * 0.999);
    round.unwrap_or(10.0) * power
}

/// A number with as many digits as the step has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 5")]
fn label(value: f64, step: f64) -> String {
    let size = value.abs();
    if size < step / 2.0 {
        return "0".to_owned();
    }
    if size >= 1e6 {
        return format!("{}M", trimmed(value / 1e6));
    }
    if step >= 1e3 && size >= 1e4 {
        return format!("{}k", trimmed(value / 1e3));
    }
    if step < 1e-4 {
        return format!("{value:.1e}").replace(".0e", "e");
    }
    let digits = (-step.log10().floor()).clamp(0.0, 5.0) as usize;
    format!("{value:.digits$}")
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(least: f64, most: f64, expected: &str) {
        let axis = Axis::of(least, most, 5.0, [0.0, 100.0]);
        let ticks: Vec<String> = axis.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(ticks.join(" "), expected, "{least} {most}");
        // A curve has no value that is not finite.
        for value in [least, most].into_iter().filter(|value| value.is_finite()) {
            assert!((0.0..=100.0).contains(&axis.place(value)));
        }
    }

    #[test]
    fn an_axis_shows_round_numbers() {
        check(0.0, 1.0, "0 0.2 0.4 0.6 0.8 1.0");
        check(0.31, 0.74, "0.3 0.4 0.5 0.6 0.7 0.8");
        check(0.0, 2e-5, "0 5e-6 1e-5 1.5e-5 2e-5");
        check(1.0, 10_000.0, "0 2000 4000 6000 8000 10k");
        check(0.0, 3e6, "0 1M 2M 3M");
        check(5.0, 5.0, "4.4 4.6 4.8 5.0 5.2 5.4 5.6");
        check(0.0, 0.0, "-1.0 -0.5 0 0.5 1.0");
        check(f64::NAN, 1.0, "0 0.2 0.4 0.6 0.8 1.0");
        check(-1e308, 1e308, "0 0.2 0.4 0.6 0.8 1.0");
    }
}
