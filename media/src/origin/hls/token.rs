//! Tokens that let a viewer watch: JWTs as Mux has them (RS256; `sub` the playback id, `aud` what it is for, `exp` in
//! seconds, `kid` in the header or among the claims). <https://www.mux.com/docs/guides/secure-video-playback>

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Catalogue;

/// A longer token is none, bytes.
const TOKEN_BYTES_MAX: usize = 4_096;
/// Tokens whose signature is remembered as good; beyond it all are forgotten and checked anew.
const REMEMBERED_MAX: usize = 4_096;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Playlists and media: `v`.
    Video,
    /// Pictures: `t`.
    Thumbnail,
    /// Storyboards: `s`.
    Storyboard,
}

impl Audience {
    /// As it stands in a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::Video => "v",
            Audience::Thumbnail => "t",
            Audience::Storyboard => "s",
        }
    }
}

/// Why a token does not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("this playback id needs a token")]
    Missing,
    /// Not a JWT of this kind.
    #[error("the token is malformed")]
    Malformed,
    /// No key with this id.
    #[error("the token names an unknown signing key")]
    UnknownKey,
    /// Signed by another key, or changed.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// For another playback id.
    #[error("the token is for another playback id")]
    OtherPlayback,
    /// For another use.
    #[error("the token is for another use")]
    OtherAudience,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    exp: u64,
    kid: Option<String>,
}

#[derive(Debug, Clone)]
struct Good {
    claims: Claims,
    kid: String,
}

/// Checks tokens. Verifying a signature takes longer than a whole answer from memory, so good ones are remembered; what
/// they claim and whether their key still exists is looked at each time.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    good: Mutex<HashMap<String, Good>>,
}

impl Tokens {
    /// Whether a token lets in. `now_s`: seconds since the Unix epoch.
    pub(super) fn check(
        &self,
        catalogue: &dyn Catalogue,
        token: Option<&str>,
        playback_id: &str,
        audience: Audience,
        now_s: i64,
    ) -> Result<(), TokenError> {
        let token = token.filter(|token| !token.is_empty()).ok_or(TokenError::Missing)?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let known = self.good.lock().get(token).cloned();
        let good = match known {
            Some(good) => catalogue.key(&good.kid).map(|_| good).ok_or(TokenError::UnknownKey)?,
            None => {
                let good = verify(catalogue, token)?;
                let mut all = self.good.lock();
                if all.len() >= REMEMBERED_MAX {
                    all.clear();
                }
                all.insert(token.to_owned(), good.clone());
                good
            }
        };
        if good.claims.sub != playback_id {
            return Err(TokenError::OtherPlayback);
        }
        if good.claims.aud != audience.as_str() {
            return Err(TokenError::OtherAudience);
        }
        if u64::try_from(now_s).unwrap_or(0) >= good.claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

/// The signature is checked here and not by a JWT library: the one in the tree takes its cryptography from the process, and
/// other users of it install one that knows HS256 only.
fn verify(catalogue: &dyn Catalogue, token: &str) -> Result<Good, TokenError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header = part(header)?;
    let claims: Claims = part(claims)?;
    if header.alg != "RS256" {
        return Err(TokenError::Malformed);
    }
    let kid = header.kid.or_else(|| claims.kid.clone()).ok_or(TokenError::UnknownKey)?;
    let key = catalogue.key(&kid).ok_or(TokenError::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    // What it claims is looked at by `check`, by our clock.
    if key.has_signed(signed.as_bytes(), &signature) { Ok(Good { claims, kid }) } else { Err(TokenError::Signature) }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}
