//! Can objects be put, read and deleted where they are to be kept?

use super::Finding;
use crate::adapters::storage::{Key, ObjectStore, S3Store, StorageError, whole};
use crate::config::{Config, StorageKind};
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(15);
const PART: &str = "storage";

/// Puts one object, reads it and deletes it; a folder is only looked at, like the data folder.
pub async fn look(config: &Config) -> Finding {
    if config.storage.kind == StorageKind::Files {
        let mut found = super::folder::writable(&config.objects_dir(), "storage.folder");
        found.part = PART;
        return found;
    }
    let bucket = &config.storage.s3.bucket;
    let store = S3Store::new(&crate::world::s3_settings(config));
    match tokio::time::timeout(ANSWER_MAX, try_out(&store)).await {
        Ok(Ok(())) => Finding::fine(PART, format!("The bucket {bucket} takes, gives and deletes objects.")),
        Ok(Err(error)) => {
            Finding::fault(PART, format!("The bucket {bucket} cannot be used ({error}): check storage.s3."))
        }
        Err(_) => Finding::fault(
            PART,
            format!(
                "No answer about the bucket {bucket} within {} s: check storage.s3.endpoint.",
                ANSWER_MAX.as_secs()
            ),
        ),
    }
}

async fn try_out(store: &dyn ObjectStore) -> Result<(), StorageError> {
    let key = Key::parse(&format!("doctor/{}.txt", uuid::Uuid::new_v4().simple()))
        .map_err(|error| StorageError::Final(error.to_string()))?;
    store.put(&key, whole("probe")).await?;
    let read = async { store.get(&key, None).await?.bytes(5).await }.await;
    store.delete(&key).await?;
    if read? == "probe" { Ok(()) } else { Err(StorageError::Final("it gives back something else".to_owned())) }
}
