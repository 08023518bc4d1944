//! What the doctor finds: one row for each thing that it tries.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CheckStatus {
    /// It works.
    Ok,
    /// It works, and an operator should look at it.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be tried; the detail says why.
    Skipped,
}

/// One row of `malipo check`. Its texts contain no secret, phone or code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried, in one word.
    pub check: &'static str,
    /// The result.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
    /// What to do; empty if there is nothing to do.
    pub hint: String,
}

/// All rows of one run.
#[derive(Clone, Debug)]
pub struct CheckRun {
    /// When it ended, by the database's clock.
    pub at: DateTime<Utc>,
    /// In the order in which they were tried.
    pub findings: Vec<Finding>,
}

impl Finding {
    /// It works.
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, CheckStatus::Ok, detail, "")
    }

    /// It could not be tried, for this reason.
    pub fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self::new(check, CheckStatus::Skipped, why, "")
    }

    /// It works, and an operator should look at it.
    pub fn warning(
        check: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(check, CheckStatus::Warning, detail, hint)
    }

    /// It does not work.
    pub fn failed(check: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, CheckStatus::Failed, detail, hint)
    }

    fn new(
        check: &'static str,
        status: CheckStatus,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (detail, hint) = (detail.into(), hint.into());
        Self {
            check,
            status,
            detail,
            hint,
        }
    }

    /// Whether an operator must do something.
    pub fn is_trouble(&self) -> bool {
        matches!(self.status, CheckStatus::Warning | CheckStatus::Failed)
    }
}

impl CheckRun {
    /// What an operator must look at: failures first.
    pub fn troubles(&self) -> Vec<&Finding> {
        let mut troubles: Vec<_> = self.findings.iter().filter(|it| it.is_trouble()).collect();
        troubles.sort_by_key(|finding| finding.status == CheckStatus::Warning);
        troubles
    }

    /// How many checks passed.
    pub fn passed(&self) -> usize {
        let passed = |finding: &&Finding| finding.status == CheckStatus::Ok;
        self.findings.iter().filter(passed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_before_warnings_and_what_passed_is_only_counted() {
        let run = CheckRun {
            at: DateTime::UNIX_EPOCH,
            findings: vec![
                Finding::ok("config", "fine"),
                Finding::warning("backup", "none yet", "make one"),
                Finding::skipped("poll", "no server runs"),
                Finding::failed("clock", "an hour apart", "use NTP"),
            ],
        };

        let troubles = run.troubles();
        let names: Vec<_> = troubles.iter().map(|finding| finding.check).collect();
        assert_eq!(names, ["clock", "backup"]);
        assert_eq!(run.passed(), 1);
    }
}
