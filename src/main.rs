//! Starts the server and stops it when told to.

use backstage::app::{App, StartError};
use backstage::cli::{self, Cli, Command, OriginArgs, SandboxArgs};
use backstage::config::{Config, Environment};
use backstage::dev::seeds;
use backstage::sandbox::Sandbox;
use backstage::telemetry::logs::{self, LogSettings};
use backstage::telemetry::reports::{ReportSettings, Reports};
use backstage_media::origin::{Origin, credentials};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return refuse(&"the TLS provider was chosen already");
    }
    let cli = Cli::parse();
    let system = actix_web::rt::System::new();
    match &cli.command {
        Some(Command::CheckConfig) => cli::check_config(&cli),
        Some(Command::Doctor { json }) => system.block_on(cli::doctor(&cli, *json)),
        Some(Command::Origin(args)) => match system.block_on(origin(args)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        },
        Some(Command::Sandbox(args)) => match system.block_on(sandbox(args)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        },
        Some(Command::Serve) | None => match cli.config() {
            Err(problems) => cli::refuse(&problems),
            Ok(config) => match system.block_on(run(config)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => refuse(&error),
            },
        },
    }
}

/// Errors go to Sentry where that is configured.
fn reports(config: &Config) -> Result<Option<Reports>, StartError> {
    if config.telemetry.sentry_dsn.is_empty() {
        return Ok(None);
    }
    let environment = match config.environment {
        Environment::Development => "development",
        Environment::Production => "production",
    };
    let dsn = config.telemetry.sentry_dsn.expose().to_string();
    let release = env!("CARGO_PKG_VERSION").to_string();
    let settings = ReportSettings { dsn, environment: environment.to_string(), release };
    Reports::start(&settings).map(Some).map_err(StartError::Other)
}

async fn run(config: Config) -> Result<(), StartError> {
    let settings = LogSettings { json: config.logs_json(), filter: config.telemetry.log_filter.clone() };
    logs::start(&settings).map_err(StartError::Other)?;
    let _reports = reports(&config)?;
    // Before anything is started: what is asked meanwhile is done right after the start, in peace.
    let mut ending =
        Ending::listen().map_err(|cause| StartError::Other(format!("signals cannot be listened to: {cause}")))?;
    let development = config.is_development();
    let app = App::build(config).await?;
    let url = &app.state.site.public_url;
    say(&format!("Backstage Pass is ready at {url}"));
    if development {
        say(&format!("Sign in at {url}/sign-in as {}; the code lands at {url}/dev/mail", seeds::EMAIL));
        say(&format!("Then press \"Go live\" at {url}/studio/demo/live (no camera? it offers a test card)"));
        say(&format!("and watch in another browser at {url}/m/demo/live"));
    }
    ending.asked().await;
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        () = app.stop() => tracing::info!("stopped"),
        () = ending.asked() => {}
    }
    Ok(())
}

/// The payment sandbox alone, until told to stop.
async fn sandbox(args: &SandboxArgs) -> Result<(), StartError> {
    let mut ending = alone()?;
    let sandbox = Sandbox::start(args.settings()).await.map_err(|error| StartError::Other(error.to_string()))?;
    say(&format!("The payment sandbox is ready at {}; no money moves", sandbox.url()));
    ending.asked().await;
    tokio::select! {
        () = sandbox.stop() => tracing::info!("stopped"),
        () = ending.asked() => {}
    }
    Ok(())
}

/// What runs alone says little, and ends when asked.
fn alone() -> Result<Ending, StartError> {
    let filter = "info,actix_server=warn,actix_web=warn".to_string();
    logs::start(&LogSettings { json: false, filter }).map_err(StartError::Other)?;
    Ending::listen().map_err(|cause| StartError::Other(format!("signals cannot be listened to: {cause}")))
}

/// The origin alone, until told to stop.
async fn origin(args: &OriginArgs) -> Result<(), StartError> {
    let mut ending = alone()?;
    let origin = Origin::start(args.settings()).await.map_err(|error| StartError::Other(error.to_string()))?;
    say(&format!("The origin is ready at {}", origin.base_url()));
    say(&format!("Encoders publish to {}/STREAM_KEY", origin.ingest_url()));
    say(&format!("Token, webhook secret and signing key are in {}", args.data.join(credentials::FILE).display()));
    ending.asked().await;
    tokio::select! {
        () = origin.stop() => tracing::info!("stopped"),
        () = ending.asked() => {}
    }
    Ok(())
}

/// Every signal that asks for the end: SIGTERM, SIGINT (Ctrl-C), SIGHUP (the terminal closed).
struct Ending([Signal; 3]);

impl Ending {
    fn listen() -> std::io::Result<Ending> {
        Ok(Ending([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]))
    }

    async fn asked(&mut self) {
        let [term, int, hup] = &mut self.0;
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {}, _ = hup.recv() => {} }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn refuse(why: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "{why}");
    ExitCode::FAILURE
}
