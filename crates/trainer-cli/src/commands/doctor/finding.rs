//! What a check found: a verdict, the facts, and what to do about it.

use std::fmt;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Training works, but not as well as it could.
    Warning,
    /// It is not there; what needs it does not work.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    subject: &'static str,
    /// The result.
    pub(super) verdict: Verdict,
    facts: String,
    remedy: &'static str,
}

impl Finding {
    /// A thing that is as it should be.
    pub(super) fn ok(subject: &'static str, facts: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Ok, facts: facts.into(), remedy: "" }
    }

    /// A thing that could be better, and how.
    pub(super) fn warning(
        subject: &'static str,
        facts: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { subject, verdict: Verdict::Warning, facts: facts.into(), remedy }
    }

    /// A thing that is not there, and how to have it.
    pub(super) fn missing(
        subject: &'static str,
        facts: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { subject, verdict: Verdict::Missing, facts: facts.into(), remedy }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Missing => "missing",
        };
        write!(f, "{verdict:<8} {:<10} {}", self.subject, self.facts)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}
