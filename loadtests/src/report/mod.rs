//! What is left of a run: a table for the terminal, JSON for programs, one HTML file for people.

mod chart;
mod html;
mod json;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use html::html;
pub use json::json;
pub use table::table;

use crate::run::Outcome;
use crate::scenario::Scenario;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was to be done.
    pub scenario: &'a Scenario,
    /// Whom it was done to: scheme, host, port.
    pub target: &'a str,
    /// What came of it.
    pub outcome: &'a Outcome,
}

/// Writes `NAME.json` and `NAME.html` into a folder, which is made; earlier ones are replaced.
///
/// # Errors
/// When they cannot be written.
pub fn write(subject: Subject<'_>, folder: &Path) -> std::io::Result<[PathBuf; 2]> {
    std::fs::create_dir_all(folder)?;
    let file = |ending: &str| folder.join(format!("{}.{ending}", subject.scenario.name));
    let files = [file("json"), file("html")];
    let json = serde_json::to_string_pretty(&json(subject))?;
    std::fs::write(&files[0], json + "\n")?;
    std::fs::write(&files[1], html(subject))?;
    Ok(files)
}
