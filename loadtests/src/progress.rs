//! A bar and live figures on standard error: one line that is written over on a terminal, one line each 5 s elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::figures::Second;

const CELLS: usize = 24;
/// Elsewhere than on a terminal, one second in so many.
const EACH: u64 = 5;

/// Writes; what cannot be written is left out.
#[derive(Debug)]
pub struct Progress {
    length: Duration,
    over: bool,
    told: u64,
}

impl Progress {
    /// Of a run of this length.
    pub fn new(length: Duration) -> Progress {
        Progress { length, over: std::io::stderr().is_terminal(), told: 0 }
    }

    /// One more second.
    pub fn tell(&mut self, phase: &str, second: &Second, errors: u64) {
        self.told += 1;
        let line = line(self.length, phase, second, errors);
        let mut out = std::io::stderr().lock();
        let written = if self.over {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else if self.told % EACH == 1 {
            writeln!(out, "{line}")
        } else {
            Ok(())
        };
        drop(written);
    }

    /// Leaves the line as it is.
    pub fn end(&self) {
        if self.over {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn line(length: Duration, phase: &str, second: &Second, errors: u64) -> String {
    let done = (second.at_s / length.as_secs_f64().max(1.0)).clamp(0.0, 1.0);
    let full = (done * CELLS as f64).round() as usize;
    let bar: String = (0..CELLS).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let time = |name: &str, ms: Option<u64>| ms.map_or_else(String::new, |ms| format!("  {name} {ms} ms"));
    format!(
        "{bar} {:>4.0}/{:.0} s  {phase}  viewers {}/{} (webrtc {}, hls {}){}{}{}  errors {errors}",
        second.at_s,
        length.as_secs_f64(),
        second.here,
        second.wanted,
        second.webrtc,
        second.hls,
        time("join", second.join_ms_p95),
        time("gap", second.gap_ms_max),
        time("pages", second.pages_ms_p99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_where_it_is() {
        let second = Second { at_s: 30.0, here: 9, wanted: 10, webrtc: 8, pages_ms_p99: Some(12), ..Second::default() };
        let line = line(Duration::from_secs(60), "rise", &second, 2);
        assert_eq!(line.matches('█').count(), 12);
        assert!(line.ends_with("rise  viewers 9/10 (webrtc 8, hls 0)  pages 12 ms  errors 2"), "{line}");
    }
}
