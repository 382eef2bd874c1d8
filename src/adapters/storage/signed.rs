//! Presigned URLs of our own: `{site}/media/{key}?expires={s UTC}&signature={HMAC}`. The signature covers method, key and
//! time, under the server's key, and is compared in constant time. Same key, same URL on every node that has this key.

use super::{Key, SIGNED_FOR_MAX};
use crate::security::seal::{Seal, same};
use backstage_actors::ports::Clock;
use std::sync::Arc;
use std::time::Duration;

/// Why a URL opens nothing. Both are told the same to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Its time is over.
    #[error("this address has expired")]
    Expired,
    /// It was not made here, or not for this.
    #[error("the signature does not fit")]
    Wrong,
}

/// Makes and checks such URLs.
#[derive(Clone)]
pub struct Signer {
    seal: Seal,
    site: String,
    clock: Arc<dyn Clock>,
}

impl Signer {
    /// URLs at `site`, which has no slash at its end.
    pub fn new(seal: Seal, site: impl Into<String>, clock: Arc<dyn Clock>) -> Signer {
        Signer { seal, site: site.into(), clock }
    }

    /// A URL for one method and key. Lives at least one second and at most [`SIGNED_FOR_MAX`].
    pub fn url(&self, method: &str, key: &Key, lasts: Duration) -> String {
        let seconds = lasts.clamp(Duration::from_secs(1), SIGNED_FOR_MAX).as_secs();
        let expires = (self.clock.now().0 / 1_000).saturating_add_unsigned(seconds).to_string();
        let signature = self.sign(method, key, &expires);
        format!("{}/media/{key}?expires={expires}&signature={signature}", self.site)
    }

    /// Whether a URL opens `key` for `method` now.
    pub fn check(&self, method: &str, key: &Key, expires: &str, signature: &str) -> Result<(), BadSignature> {
        if !same(&self.sign(method, key, expires), signature) {
            return Err(BadSignature::Wrong);
        }
        // Only now is the time known to be ours.
        match expires.parse::<i64>() {
            Ok(seconds) if seconds > self.clock.now().0 / 1_000 => Ok(()),
            Ok(_) => Err(BadSignature::Expired),
            Err(_) => Err(BadSignature::Wrong),
        }
    }

    fn sign(&self, method: &str, key: &Key, expires: &str) -> String {
        self.seal.of("media", &[method, key.as_str(), expires])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_core::Timestamp;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hand(AtomicI64);
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_url_opens_one_key_for_one_method_for_a_while() {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000)));
        let signer = Signer::new(Seal::new("s"), "https://pass.test", clock.clone());
        let key = Key::parse("a/b.mp4").unwrap();
        let url = signer.url("GET", &key, Duration::from_secs(60));
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, "https://pass.test/media/a/b.mp4");
        let (expires, signature) = query.strip_prefix("expires=").unwrap().split_once("&signature=").unwrap();
        let check =
            |method: &str, key: &Key, expires: &str, signature: &str| signer.check(method, key, expires, signature);
        assert_eq!(check("GET", &key, expires, signature), Ok(()));
        assert_eq!(check("PUT", &key, expires, signature), Err(BadSignature::Wrong));
        assert_eq!(check("GET", &Key::parse("a/c.mp4").unwrap(), expires, signature), Err(BadSignature::Wrong));
        assert_eq!(check("GET", &key, "9999999999", signature), Err(BadSignature::Wrong));
        assert_eq!(check("GET", &key, expires, ""), Err(BadSignature::Wrong));
        let other = Signer::new(Seal::new("t"), "https://pass.test", clock.clone());
        assert_eq!(other.check("GET", &key, expires, signature), Err(BadSignature::Wrong));
        clock.0.fetch_add(60_000, Ordering::Relaxed);
        assert_eq!(check("GET", &key, expires, signature), Err(BadSignature::Expired));
    }
}
