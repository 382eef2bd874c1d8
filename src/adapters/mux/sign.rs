//! Tokens for playback: JWT, RS256, as <https://www.mux.com/docs/guides/secure-video-playback> has them. The key's id
//! stands in header and payload, since Mux's own libraries differ in where they put it; `exp` is in seconds.

use crate::config::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Playlists and media.
    Video,
    /// A picture.
    Thumbnail,
    /// A moving picture.
    Gif,
    /// Pictures for the seek bar.
    Storyboard,
    /// Figures of a live stream; the subject is its id.
    LiveStreamFigures,
}

impl Audience {
    fn word(self) -> &'static str {
        match self {
            Audience::Video => "v",
            Audience::Thumbnail => "t",
            Audience::Gif => "g",
            Audience::Storyboard => "s",
            Audience::LiveStreamFigures => "live_stream_id",
        }
    }
}

/// Why a key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor PEM in base64.
    #[error("the private key is no PEM in base64, as Mux hands it out")]
    NotPem,
    /// Not RSA of 2,048 bits or more.
    #[error("the private key is no RSA key")]
    NotRsa,
    /// The machine gives no randomness.
    #[error("the private key cannot sign")]
    CannotSign,
}

/// Signs tokens with one key.
pub struct Signer {
    id: String,
    key: RsaKeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Signer {
    /// `private_key` as Mux hands it out (PEM in base64), or the PEM itself; PKCS#1 or PKCS#8.
    pub fn new(id: impl Into<String>, private_key: &Secret) -> Result<Signer, KeyError> {
        let text = private_key.expose().trim();
        let pem = match text.starts_with("-----BEGIN") {
            true => text.to_owned(),
            false => {
                let decoded = STANDARD.decode(text).map_err(|_| KeyError::NotPem)?;
                String::from_utf8(decoded).map_err(|_| KeyError::NotPem)?
            }
        };
        if !pem.contains("-----BEGIN") {
            return Err(KeyError::NotPem);
        }
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::NotPem)?;
        let key = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        Ok(Signer { id: id.into(), key: key.map_err(|_| KeyError::NotRsa)? })
    }

    /// A token for this subject (a playback id) that is good until `exp_s` (Unix seconds). `claims` are further ones, such
    /// as `max_resolution`; they cannot replace the usual ones.
    pub fn token(
        &self,
        subject: &str,
        audience: Audience,
        exp_s: i64,
        claims: Map<String, Value>,
    ) -> Result<String, KeyError> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        let mut payload = claims;
        payload.insert("sub".into(), subject.into());
        payload.insert("aud".into(), audience.word().into());
        payload.insert("exp".into(), exp_s.into());
        payload.insert("kid".into(), self.id.clone().into());
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&Value::Object(payload)));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| KeyError::CannotSign)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// `{base}/{playback_id}.m3u8?token=…`.
    pub fn playback_url(&self, base: &str, playback_id: &str, exp_s: i64) -> Result<String, KeyError> {
        let token = self.token(playback_id, Audience::Video, exp_s, Map::new())?;
        Ok(format!("{}/{playback_id}.m3u8?token={token}", base.trim_end_matches('/')))
    }
}
