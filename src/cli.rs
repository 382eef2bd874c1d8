//! The command line: `backstage`, `backstage serve`, `backstage check-config`, `backstage doctor`.

use crate::config::{Config, Problems, Sources};
use crate::doctor;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Go live from your own place: studio, lobby, viewers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// A TOML file with keys of config/default.toml that are to be different.
    #[arg(long, global = true, env = "BACKSTAGE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do; without one, the server is started.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the server.
    Serve,
    /// Say everything that is wrong with the configuration, or show it; starts nothing.
    CheckConfig,
    /// Look whether the server could run here: ports, media server, clock, disk, programs, database.
    Doctor {
        /// One JSON object for machines.
        #[arg(long)]
        json: bool,
    },
}

impl Cli {
    /// The configuration of this command line and the environment of this process.
    pub fn config(&self) -> Result<Config, Problems> {
        Config::load(&Sources::of_process(self.config.clone()))
    }
}

/// Prints what is wrong to standard error; the exit code is 1.
pub fn refuse(problems: &Problems) -> ExitCode {
    let count = problems.0.len();
    let mut out = std::io::stderr().lock();
    // A closed pipe is no reason to fail differently.
    let _ = writeln!(out, "The configuration has {count} {}:", if count == 1 { "mistake" } else { "mistakes" });
    for problem in &problems.0 {
        let _ = writeln!(out, "  - {problem}");
    }
    ExitCode::FAILURE
}

/// `check-config`: prints the configuration in force, secrets hidden. Exit code 0, or 1 with all mistakes.
pub fn check_config(cli: &Cli) -> ExitCode {
    match cli.config() {
        Err(problems) => refuse(&problems),
        Ok(config) => {
            let shown = toml::to_string(&config).unwrap_or_default();
            let _ = writeln!(std::io::stdout().lock(), "{shown}\nThe configuration is fine.");
            ExitCode::SUCCESS
        }
    }
}

/// `doctor`: prints what was found. Exit code 0, or 1 if anything keeps the server from running.
pub async fn doctor(cli: &Cli, json: bool) -> ExitCode {
    let report = match cli.config() {
        Ok(config) => doctor::examine(&config).await,
        Err(problems) => doctor::Report::of_problems(&problems),
    };
    let _ = writeln!(std::io::stdout().lock(), "{}", if json { report.json() } else { report.to_string() });
    if report.healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_command_the_server_starts() {
        assert_eq!(Cli::parse_from(["backstage"]).command, None);
        let cli = Cli::parse_from(["backstage", "doctor", "--json", "--config", "a.toml"]);
        assert_eq!((cli.command, cli.config), (Some(Command::Doctor { json: true }), Some("a.toml".into())));
        assert!(Cli::try_parse_from(["backstage", "dance"]).is_err());
    }
}
