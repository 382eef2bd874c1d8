//! Keyed hashes and random tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The server's secret key. Never shown, never logged.
#[derive(Clone)]
pub struct Seal {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// Makes the key of a configured secret of any length (it is hashed first).
    pub fn new(secret: &str) -> Seal {
        let key = Sha256::digest(secret.as_bytes());
        let mut keyed = <Hmac<Sha256> as Mac>::new(&Default::default());
        if let Ok(made) = <Hmac<Sha256> as Mac>::new_from_slice(&key) {
            keyed = made;
        }
        Seal { keyed }
    }

    /// HMAC-SHA256 over a purpose and parts, each with its length, so that no two lists give the same input.
    pub fn of(&self, purpose: &str, parts: &[&str]) -> String {
        let mut mac = self.keyed.clone();
        for part in std::iter::once(&purpose).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// Compares two texts in time that depends on their length only.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// 256 random bits as 43 characters of base64url.
pub fn random_token() -> Result<String, rand::rand_core::OsError> {
    let mut bytes = [0u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Six random digits, each code equally likely (values that would bend the odds are drawn again).
pub fn random_code() -> Result<String, rand::rand_core::OsError> {
    loop {
        let mut bytes = [0u8; 4];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
        let value = u32::from_be_bytes(bytes);
        if value < 4_294_000_000 {
            return Ok(format!("{:06}", value % 1_000_000));
        }
    }
}

/// SHA-256 as bytes: how session tokens are stored and cached. They are random, so no key is needed.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// SHA-256 of bytes.
pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A digest as text for the store.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let seal = Seal::new("secret");
        assert_ne!(seal.of("a", &["bc", "d"]), seal.of("a", &["b", "cd"]));
        assert_ne!(seal.of("a", &["b"]), Seal::new("other").of("a", &["b"]));
        assert!(same(&seal.of("a", &[]), &seal.of("a", &[])));
    }

    #[test]
    fn tokens_and_codes_have_their_form() {
        assert_eq!(random_token().unwrap().len(), 43);
        let code = random_code().unwrap();
        assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
    }
}
