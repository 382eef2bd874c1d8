//! Who may use the origin: made up once, kept in a file that only its owner may read.

use super::store::{StoreError, new_id};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file in the data folder.
pub const FILE: &str = "credentials.json";

/// Secrets of one origin. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Names this installation in webhooks.
    pub environment_id: String,
    /// User of the REST API.
    pub token_id: String,
    /// Password of the REST API.
    pub token_secret: String,
    /// Signs webhooks.
    pub webhook_secret: String,
    /// Id of the first signing key.
    pub signing_key: String,
    /// Its private half: PEM in base64, as Mux hands it out.
    pub private_key: String,
    /// Its public half: DER (PKCS#1) in base64.
    pub public_der: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("token_id", &self.token_id).finish_non_exhaustive()
    }
}

/// A new RSA key: the private half as Mux hands it out (PEM in base64), the public half as DER
/// (PKCS#1) in base64.
///
/// Takes a good part of a second. Error: the machine gives no randomness.
pub fn new_signing_pair() -> Result<(String, String), RandomnessMissing> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine;
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| RandomnessMissing)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| RandomnessMissing)?;
    let base64 = base64::engine::general_purpose::STANDARD;
    let private = pem("PRIVATE KEY", private.as_ref());
    Ok((base64.encode(private), base64.encode(pair.public_key())))
}

/// No key could be made.
#[derive(Debug, thiserror::Error)]
#[error("no RSA key could be made")]
pub struct RandomnessMissing;

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not what we wrote.
    #[error("{0} cannot be read: {1}")]
    Corrupt(PathBuf, #[source] serde_json::Error),
    /// No key could be made.
    #[error(transparent)]
    Randomness(#[from] RandomnessMissing),
}

impl Credentials {
    /// Those kept in this folder, or new ones. Blocks.
    pub fn open(folder: &Path) -> Result<Credentials, CredentialsError> {
        let path = folder.join(FILE);
        let disk = |error| StoreError::Disk(path.clone(), error);
        match fs::read(&path) {
            Ok(text) => {
                return serde_json::from_slice(&text).map_err(|error| CredentialsError::Corrupt(path.clone(), error));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(disk(error).into()),
        }
        let (private_key, public_der) = new_signing_pair()?;
        let made = Credentials {
            environment_id: new_id(),
            token_id: uuid::Uuid::new_v4().to_string(),
            token_secret: new_id(),
            webhook_secret: new_id(),
            signing_key: new_id(),
            private_key,
            public_der,
        };
        let text = serde_json::to_vec_pretty(&made).map_err(|error| CredentialsError::Corrupt(path.clone(), error))?;
        write_private(&path, &text).map_err(disk)?;
        Ok(made)
    }
}

/// Writes a file of mode 0600, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_made_once_and_seen_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("origin-credentials-{}", new_id()));
        let made = Credentials::open(&folder).unwrap();
        assert_eq!(Credentials::open(&folder).unwrap(), made);
        assert_eq!(fs::metadata(folder.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{made:?}").contains(&made.token_secret));
        fs::remove_dir_all(&folder).unwrap();
    }
}
