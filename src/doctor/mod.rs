//! `backstage doctor`: could the server run here? Each finding is one sentence that says what to do.

mod database;
#[cfg(test)]
mod fake_livekit;
mod folder;
mod hls;
mod livekit;
mod neighbours;
mod ports;
mod programs;
mod storage;
#[cfg(test)]
mod tests;

use crate::config::{Config, Problems};
use serde::Serialize;
use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// The server runs, but something will be missing.
    Warning,
    /// The server cannot run like this.
    Fault,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, one word or two.
    pub part: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// In words; what to do if it is not fine.
    pub sentence: String,
}

impl Finding {
    fn fine(part: &'static str, sentence: impl Into<String>) -> Finding {
        Finding { part, verdict: Verdict::Fine, sentence: sentence.into() }
    }

    fn warning(part: &'static str, sentence: impl Into<String>) -> Finding {
        Finding { part, verdict: Verdict::Warning, sentence: sentence.into() }
    }

    fn fault(part: &'static str, sentence: impl Into<String>) -> Finding {
        Finding { part, verdict: Verdict::Fault, sentence: sentence.into() }
    }
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order looked at.
    pub findings: Vec<Finding>,
}

/// Looks at everything; changes nothing that stays. Every look at a network has its own time-out, so it ends within half a minute.
pub async fn examine(config: &Config) -> Report {
    let mut findings = vec![Finding::fine("configuration", "The configuration is fine.")];
    findings.extend(ports::look(config).await);
    findings.extend(folder::look(&config.data.dir));
    findings.push(storage::look(config).await);
    findings.push(database::look(config).await);
    findings.extend(livekit::look(config).await);
    findings.extend(neighbours::look(config).await);
    findings.extend(hls::look(config).await);
    Report { findings }
}

impl Report {
    /// The report when there is no configuration to look with.
    pub fn of_problems(problems: &Problems) -> Report {
        let findings = problems.0.iter().map(|problem| Finding::fault("configuration", format!("{problem}.")));
        Report { findings: findings.collect() }
    }

    /// Whether the server can run: no faults.
    pub fn healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict < Verdict::Fault)
    }

    /// `{"healthy": bool, "findings": [{"part", "verdict", "sentence"}]}`.
    pub fn json(&self) -> String {
        serde_json::json!({ "healthy": self.healthy(), "findings": self.findings }).to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { part, verdict, sentence } in &self.findings {
            let mark = match verdict {
                Verdict::Fine => "ok     ",
                Verdict::Warning => "warning",
                Verdict::Fault => "FAULT  ",
            };
            writeln!(f, "{mark}  {part:<14} {sentence}")?;
        }
        let count = |of| self.findings.iter().filter(|finding| finding.verdict == of).count();
        match (count(Verdict::Fault), count(Verdict::Warning)) {
            (0, 0) => f.write_str("The server can run here."),
            (0, _) => f.write_str("The server can run here; see the warnings."),
            _ => f.write_str("The server cannot run like this: see the faults."),
        }
    }
}
