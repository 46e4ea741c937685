//! What evaluations are compared by, for the best model and for early stopping.

use crate::EvaluationReport;

/// A number of an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BestMetric {
    /// The share of right answers.
    #[default]
    Accuracy,
    /// The mean of the F1 scores of all classes.
    F1,
    /// Matthews' correlation coefficient.
    Mcc,
    /// The mean loss, of which less is better.
    Loss,
}

impl BestMetric {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Accuracy, Self::F1, Self::Mcc, Self::Loss];

    /// What it is called in settings and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::F1 => "f1",
            Self::Mcc => "mcc",
            Self::Loss => "loss",
        }
    }

    /// Whether more is better.
    #[must_use]
    pub fn rises(self) -> bool {
        self != Self::Loss
    }

    /// The number in a report.
    #[must_use]
    pub fn of(self, report: &EvaluationReport) -> f64 {
        match self {
            Self::Accuracy => report.accuracy,
            Self::F1 => report.f1,
            Self::Mcc => report.mcc,
            Self::Loss => report.loss,
        }
    }

    /// Whether `value` is better than the `best` one so far. What is not a number never is.
    #[must_use]
    pub fn is_gain(self, value: f64, best: Option<f64>) -> bool {
        let is_better = |best: f64| if self.rises() { value > best } else { value < best };
        !value.is_nan() && best.is_none_or(is_better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_of_the_loss_less_is_better() {
        for metric in BestMetric::ALL {
            let is_loss = metric == BestMetric::Loss;
            assert_eq!(metric.is_gain(0.5, Some(0.4)), !is_loss, "{metric:?}");
            assert_eq!(metric.is_gain(0.4, Some(0.5)), is_loss, "{metric:?}");
            assert!(!metric.is_gain(0.5, Some(0.5)), "{metric:?}");
            assert!(metric.is_gain(-0.1, None), "{metric:?}");
            assert!(!metric.is_gain(f64::NAN, None), "{metric:?}");
        }
    }
}
