//! `bin/bench sim`: simulated schedules a second, and how much faster than the real thing (the baseline) time passes.
//! Prints one JSON line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench stands in the world itself")]
#![allow(dead_code)] // the suite uses more of these modules than the bench does

#[path = "../tests/sim/node.rs"]
mod node;
#[path = "../tests/sim/planted.rs"]
mod planted;
#[path = "../tests/sim/record.rs"]
mod record;
#[path = "../tests/sim/schedule.rs"]
mod schedule;

use schedule::{Plan, run};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const SCHEDULES: u64 = 5_000;

fn main() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (next, simulated_ms, violations) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SCHEDULES {
                        return;
                    }
                    let outcome = run(Plan::of(seed));
                    simulated_ms.fetch_add(outcome.simulated_ms, Ordering::Relaxed);
                    violations.fetch_add(outcome.violations.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let simulated_s = simulated_ms.into_inner() as f64 / 1_000.0;
    println!(
        "{}",
        serde_json::json!({
            "bench": "sim",
            "schedules": SCHEDULES,
            "schedules_per_s": (SCHEDULES as f64 / seconds).round(),
            "threads": threads,
            "simulated_s_per_s": (simulated_s / seconds).round(),
            "baseline_real_time_s_per_s": 1,
            "violations": violations.into_inner(),
        })
    );
}
