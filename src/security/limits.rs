//! How often things may be asked for. All figures in one place.
//!
//! Sign-in must resist guessing and mail floods, and yet nobody may be able to lock an owner out of an account:
//!
//! - A code belongs to the address or number AND to the browser that asked for it (see `session/codes.rs`). A stranger who asks for
//!   codes, or burns tries, burns codes of their own browser only; the owner's code stays good.
//! - Requests are counted per (address, network), and per network over all addresses. Somebody else's network has
//!   other counters than the owner's.
//! - Per address over all networks there is a ceiling against mail floods and slow guessing from many networks
//!   ([`Rates::codes_per_address`]: at 5 tries a code, 50 tries an hour of 1,000,000 codes). It is the only counter that strangers can
//!   fill, so it is passed over for the owner's own places: networks from which the account was signed in to before.
//! - Text messages cost money, and some people earn by making others send them. So texts have a rate of their own per network,
//!   and one cap for the whole server ([`crate::sms::count`]), which lasts through restarts.
//! - Wrong tries never count against the account, and a signed-in session never depends on any of this.
//!
//! Counters live in memory, bounded by [`SWEEP_ABOVE`] and a few hundred more; a restart forgets them.

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::Problem;

/// Keys held before idle ones are swept out.
pub const SWEEP_ABOVE: usize = 50_000;
/// They are counted once in so many requests: counting looks into every shard of the table.
const COUNT_EACH: u32 = 256;

/// `burst` at once, and that many again over `per`.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// In how long a spent burst comes back.
    pub per: Duration,
}

impl Rate {
    /// `burst` per `seconds`.
    pub const fn new(burst: u32, seconds: u64) -> Rate {
        Rate { burst, per: Duration::from_secs(seconds) }
    }
}

/// Every rate; the figures are in `config/default.toml`.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Codes asked for, per address and network.
    pub codes_per_address_and_network: Rate,
    /// Codes asked for, per network.
    pub codes_per_network: Rate,
    /// Codes asked for, per address, from networks unknown to the account.
    pub codes_per_address: Rate,
    /// Codes by text message, per network.
    pub texts_per_network: Rate,
    /// Codes tried, per network.
    pub tries_per_network: Rate,
    /// Free passes taken (each may make a guest account), per network.
    pub joins_per_network: Rate,
    /// Admissions, per network. A stadium may share one address.
    pub admissions_per_network: Rate,
    /// Forms and commands of the studio, per network.
    pub writes_per_network: Rate,
    /// Sockets opened, per network.
    pub sockets_per_network: Rate,
    /// Uplink measurements, per network.
    pub uplinks_per_network: Rate,
}

/// One counter per key.
pub struct Keyed {
    limiter: RateLimiter<String, DashMapStateStore<String>, DefaultClock>,
    clock: DefaultClock,
    taken: AtomicU32,
}

impl Keyed {
    fn new(rate: Rate) -> Keyed {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let each = (rate.per / burst.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Keyed { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), taken: AtomicU32::new(0) }
    }

    /// Counts one; over the limit it is a 429 with the seconds to wait.
    pub fn take(&self, key: &str) -> Result<(), Problem> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        if taken.is_multiple_of(COUNT_EACH) && self.limiter.len() > SWEEP_ABOVE {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&key.to_string())
            .map_err(|not_until| Problem::slow_down(not_until.wait_time_from(self.clock.now()).as_secs() + 1))
    }
}

/// All counters.
pub struct Limits {
    /// See [`Rates`], field by field.
    pub codes_per_address_and_network: Keyed,
    /// See [`Rates`].
    pub codes_per_network: Keyed,
    /// See [`Rates`].
    pub codes_per_address: Keyed,
    /// See [`Rates`].
    pub texts_per_network: Keyed,
    /// See [`Rates`].
    pub tries_per_network: Keyed,
    /// See [`Rates`].
    pub joins_per_network: Keyed,
    /// See [`Rates`].
    pub admissions_per_network: Keyed,
    /// See [`Rates`].
    pub writes_per_network: Keyed,
    /// See [`Rates`].
    pub sockets_per_network: Keyed,
    /// See [`Rates`].
    pub uplinks_per_network: Keyed,
}

impl Limits {
    /// Starts counting.
    pub fn new(rates: &Rates) -> Limits {
        Limits {
            codes_per_address_and_network: Keyed::new(rates.codes_per_address_and_network),
            codes_per_network: Keyed::new(rates.codes_per_network),
            codes_per_address: Keyed::new(rates.codes_per_address),
            texts_per_network: Keyed::new(rates.texts_per_network),
            tries_per_network: Keyed::new(rates.tries_per_network),
            joins_per_network: Keyed::new(rates.joins_per_network),
            admissions_per_network: Keyed::new(rates.admissions_per_network),
            writes_per_network: Keyed::new(rates.writes_per_network),
            sockets_per_network: Keyed::new(rates.sockets_per_network),
            uplinks_per_network: Keyed::new(rates.uplinks_per_network),
        }
    }
}

/// The network an address is counted under: IPv4 whole, IPv6 by its first 64 bits (one household has them all).
pub fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_refused_per_key() {
        let keyed = Keyed::new(Rate::new(2, 600));
        assert!(keyed.take("a").is_ok() && keyed.take("a").is_ok());
        let refused = keyed.take("a").unwrap_err();
        assert_eq!(refused.status.as_u16(), 429);
        assert!((1..=301).contains(&refused.retry_after_s.unwrap()));
        assert!(keyed.take("b").is_ok());
    }

    #[test]
    fn a_household_is_one_network() {
        assert_eq!(network("2001:db8:1:2:3::1".parse().unwrap()), network("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1");
    }
}
