//! The command line: `backstage`, `backstage serve`, `backstage check-config`, `backstage doctor`, `backstage origin`,
//! `backstage sandbox`.

use crate::config::{Config, Problems, Secret, Sources};
use crate::{doctor, sandbox};
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
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
    /// Run the media origin alone: RTMP in, low-latency HLS out, recordings kept, Mux's API around it.
    Origin(OriginArgs),
    /// Run the payment sandbox alone: the part of Stripe's REST that a sale needs. No money moves.
    Sandbox(SandboxArgs),
}

/// How the payment sandbox is run alone. It listens on this machine only.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SandboxArgs {
    /// Port of its REST; 0 takes a free one.
    #[arg(long, default_value_t = 8_092)]
    pub port: u16,
    /// File that outlives a restart; without one everything is in memory.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Opens all calls. Only a test key: the sandbox takes no real ones.
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, default_value = "sk_test_sandbox", value_parser = test_key)]
    pub secret_key: String,
    /// Where webhooks are posted to.
    #[arg(long, requires = "webhook_secret")]
    pub webhook_url: Option<String>,
    /// Signs them.
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<String>,
}

fn test_key(text: &str) -> Result<String, String> {
    match text.strip_prefix("sk_test_") {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("a test key begins with sk_test_; real keys belong to Stripe alone".into()),
    }
}

impl SandboxArgs {
    /// As settings of a sandbox.
    pub fn settings(&self) -> sandbox::Settings {
        let receiver = self.webhook_url.clone().zip(self.webhook_secret.clone());
        sandbox::Settings {
            http: SocketAddr::from(([127, 0, 0, 1], self.port)),
            publishable_key: self.secret_key.replacen("sk_", "pk_", 1),
            receiver: receiver.map(|(url, secret)| sandbox::Receiver { url, secret: Secret::new(secret) }),
            file: self.file.clone(),
            ..sandbox::Settings::local(Secret::new(&self.secret_key))
        }
    }
}

/// How the origin is run alone.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OriginArgs {
    /// Address to listen on; 0.0.0.0 for all.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port of playback and REST; 0 takes a free one.
    #[arg(long, default_value_t = 8_090)]
    pub port: u16,
    /// Port that encoders publish to; 0 takes a free one.
    #[arg(long, default_value_t = 1_935)]
    pub rtmp_port: u16,
    /// Folder for everything that is kept.
    #[arg(long, default_value = "data/origin")]
    pub data: PathBuf,
    /// Where players reach it, as https://origin.example.com; by default at the address listened on.
    #[arg(long)]
    pub public_url: Option<String>,
    /// Where webhooks are posted to.
    #[arg(long)]
    pub webhook_url: Option<String>,
    /// Refuse nobody for calling REST fast; else it is as at Mux, POST once a second, others five times.
    #[arg(long)]
    pub unlimited: bool,
}

impl OriginArgs {
    /// As settings of an origin.
    pub fn settings(&self) -> backstage_media::origin::Settings {
        use backstage_media::origin::{Rates, Settings};
        Settings {
            http: SocketAddr::new(self.host, self.port),
            rtmp: SocketAddr::new(self.host, self.rtmp_port),
            public_base: self.public_url.clone(),
            webhook_url: self.webhook_url.clone(),
            rates: (!self.unlimited).then_some(Rates::MUX),
            workers: std::thread::available_parallelism().map_or(1, usize::from).min(8),
            ..Settings::local(&self.data)
        }
    }
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

    #[test]
    fn an_origin_alone_is_told_where_to_be() {
        let cli = Cli::parse_from(["backstage", "origin", "--port", "0", "--data", "/kept", "--unlimited"]);
        let Some(Command::Origin(args)) = cli.command else { panic!("not an origin") };
        let settings = args.settings();
        assert_eq!((settings.http.port(), settings.rtmp.port()), (0, 1_935));
        assert_eq!((settings.data, settings.rates), (PathBuf::from("/kept"), None));
    }
}
