//! In-memory stand-ins of every port, for tests and the simulator.

mod media;
mod memory;
mod rooms;
mod small;
mod spine;

pub use media::{FakeMedia, Tape};
pub use memory::{Memory, Snapshot};
pub use rooms::FakeRooms;
pub use small::{CountedIds, PausedClock, Silent};
pub use spine::FakeSpine;

use crate::ports::ProviderError;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Seeded trouble at a port. Shared by all fakes of a simulated world, so that one seed fixes everything.
#[derive(Clone)]
pub struct Trouble(Arc<Mutex<Odds>>);

struct Odds {
    dice: Dice,
    per_mille: u32,
    delay_ms_max: u64,
}

/// Splitmix64: quick dice, since every simulated call throws them.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

/// What one call will suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails and did nothing.
    Before,
    /// It did its work, but the answer is lost.
    After,
}

impl Trouble {
    /// No trouble at all, and no delay.
    pub fn none() -> Trouble {
        Trouble::seeded(0, 0, 0)
    }

    /// Each call fails with `per_mille` in a thousand and takes up to `delay_ms_max`.
    pub fn seeded(seed: u64, per_mille: u32, delay_ms_max: u64) -> Trouble {
        Trouble(Arc::new(Mutex::new(Odds { dice: Dice(seed), per_mille, delay_ms_max })))
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        let mut odds = self.0.lock();
        odds.per_mille = 0;
        odds.delay_ms_max = 0;
    }

    /// Draws the fate of one call that takes no time.
    pub fn glance(&self) -> Fault {
        let mut odds = self.0.lock();
        let per_mille = odds.per_mille;
        if per_mille > 0 && odds.dice.below(1_000) < u64::from(per_mille) { Fault::Before } else { Fault::None }
    }

    /// Draws the fate of one call and waits its delay.
    pub async fn strike(&self) -> Fault {
        let (fault, delay_ms) = {
            let mut odds = self.0.lock();
            if odds.per_mille == 0 && odds.delay_ms_max == 0 {
                return Fault::None;
            }
            let (per_mille, delay_ms_max) = (odds.per_mille, odds.delay_ms_max);
            let fault = if odds.dice.below(1_000) < u64::from(per_mille) {
                if odds.dice.below(2) == 0 { Fault::Before } else { Fault::After }
            } else {
                Fault::None
            };
            (fault, odds.dice.below(delay_ms_max + 1))
        };
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        fault
    }
}

impl Fault {
    /// Runs `work` unless the fault comes before it, and loses its answer if the fault comes after it.
    pub fn on<T>(self, work: impl FnOnce() -> Result<T, ProviderError>) -> Result<T, ProviderError> {
        match self {
            Fault::None => work(),
            Fault::Before => Err(ProviderError::TryAgain("no connection".into())),
            Fault::After => {
                work()?;
                Err(ProviderError::TryAgain("the answer was lost".into()))
            }
        }
    }
}
