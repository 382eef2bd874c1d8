//! `load SCENARIO --target URL`: runs a scenario, writes a report, ends with 0 if every limit held.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use backstage_loadtests::progress::Progress;
use backstage_loadtests::report::{self, Subject};
use backstage_loadtests::run;
use backstage_loadtests::scenario::Scenario;
use backstage_loadtests::target::Target;
use clap::Parser;

/// A virtual audience for a server of yours.
#[derive(Parser)]
#[command(name = "load")]
struct Arguments {
    /// A scenario, as loadtests/scenarios/ramp.toml.
    scenario: PathBuf,
    /// The server, as http://127.0.0.1:8080.
    #[arg(long)]
    target: String,
    /// Where NAME.json and NAME.html are written.
    #[arg(long, default_value = "load-reports", overrides_with = "out")]
    out: PathBuf,
    /// The target is another machine, and it is mine to load.
    #[arg(long)]
    i_own_this_target: bool,
    /// Only look whether the scenario can be run.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match load(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn load(arguments: Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err("TLS cannot be set up".into());
    }
    let scenario = Scenario::read(&arguments.scenario)?;
    let target = Target::new(&arguments.target, arguments.i_own_this_target)?;
    let origin = target.origin();
    let mut out = std::io::stdout();
    if arguments.check {
        writeln!(
            out,
            "{}: up to {} viewers, {} s",
            scenario.name,
            scenario.viewers_max(),
            scenario.length().as_secs()
        )?;
        return Ok(true);
    }
    let mut progress = Progress::new(scenario.length());
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let told = |phase: &str, second: &_, errors| progress.tell(phase, second, errors);
    let outcome = run::run(&scenario, target, told, interrupted).await;
    progress.end();
    let outcome = outcome?;
    let subject = Subject { scenario: &scenario, target: &origin, outcome: &outcome };
    let files = report::write(subject, &arguments.out)?;
    write!(out, "\n{}", report::table(subject))?;
    for file in files {
        writeln!(out, "{}", file.display())?;
    }
    Ok(outcome.verdict.passed())
}
