//! Everything that this process logs, kept so that tests can look for secrets in it.

use parking_lot::Mutex;
use std::io::Write;
use std::sync::OnceLock;
use tracing_subscriber::fmt::MakeWriter;

static LINES: Mutex<Vec<u8>> = Mutex::new(vec![]);
static STARTED: OnceLock<()> = OnceLock::new();

struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Makes;

impl<'a> MakeWriter<'a> for Makes {
    type Writer = Kept;
    fn make_writer(&'a self) -> Kept {
        Kept
    }
}

/// Begins to keep, in more detail than an operator would ever ask for.
pub fn keep() {
    STARTED.get_or_init(|| {
        let filter =
            "warn,backstage=trace,backstage_actors=trace,backstage_core=trace,backstage_media=trace,actix=debug";
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(|| Makes.make_writer())
            .try_init();
    });
}

/// All of it.
pub fn all() -> String {
    String::from_utf8_lossy(&LINES.lock()).into_owned()
}

/// The last lines, for a test that failed.
pub fn last(count: usize) -> String {
    let all = all();
    let lines: Vec<&str> = all.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
