//! Are the programs there that are started beside the server?

use super::Finding;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first line a program prints when asked for its version, or why it cannot be started.
pub fn version_line(program: &Path, argument: &str) -> Result<String, std::io::Error> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// ffmpeg makes the sound of HLS (`hls`: it is switched on), recordings and clips; without it people still go live.
pub(super) fn program_ffmpeg(program: &Path, hls: bool) -> Finding {
    let install = "install the package \"ffmpeg\", or set mux.embedded.ffmpeg to where it is";
    match version_line(program, "-version") {
        Ok(line) => {
            let version = line.split_whitespace().nth(2).unwrap_or("of unknown version").to_owned();
            Finding::fine("ffmpeg", format!("ffmpeg {version} is there."))
        }
        Err(_) if hls => Finding::warning(
            "ffmpeg",
            format!(
                "{} cannot be started: streams work over WebRTC and cannot be moved to HLS, whose sound it makes; {install}.",
                program.display()
            ),
        ),
        Err(_) => Finding::warning(
            "ffmpeg",
            format!("{} cannot be started: live streams work, clips will not; {install}.", program.display()),
        ),
    }
}
