//! How far the way into the archive is: `archive.json` in the recording's folder, so that whoever comes after a crash
//! goes on where it was.

use backstage_core::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::adapters::storage::{Part, Prefix, Upload};

const LEDGER_FILE: &str = "archive.json";

/// Where the objects are put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// See [`Place::prefix`].
    pub folder: String,
    /// Nobody deletes them before.
    pub safe_until: Timestamp,
    /// Of the large file, once it was begun.
    pub upload: Option<Upload>,
    /// Its parts that were taken.
    pub parts: Vec<Part>,
}

impl Place {
    /// The folder of the objects, with a slash at the end; `None` if the ledger was tampered with.
    pub fn prefix(&self) -> Option<Prefix> {
        Prefix::parse(&self.folder).ok().filter(|prefix| prefix.as_str().ends_with('/'))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    failures: u32,
    place: Option<Place>,
}

/// The ledger of one recording.
#[derive(Debug)]
pub struct Ledger {
    file: PathBuf,
    page: Page,
}

impl Ledger {
    /// Opens the ledger of a folder. One that cannot be read is begun anew: what was put by it goes by itself.
    pub fn open(folder: &Path) -> io::Result<Ledger> {
        let file = folder.join(LEDGER_FILE);
        let page = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Page::default(),
            Err(error) => return Err(error),
        };
        Ok(Ledger { file, page })
    }

    /// Where the objects are put, once that is settled.
    pub fn place(&self) -> Option<&Place> {
        self.page.place.as_ref()
    }

    /// Settles where they are put, and how far that is.
    pub fn set_place(&mut self, place: Option<Place>) -> io::Result<()> {
        self.page.place = place;
        self.write()
    }

    /// The film could not be made; how often that has been so.
    pub fn failed(&mut self) -> io::Result<u32> {
        self.page.failures = self.page.failures.saturating_add(1);
        self.write()?;
        Ok(self.page.failures)
    }

    fn write(&self) -> io::Result<()> {
        let draft = self.file.with_extension("json.new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(&self.page)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, &self.file)?;
        self.file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_and_what_is_torn_is_begun_anew() {
        let folder = std::env::temp_dir().join(format!("backstage-ledger-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let place = Place { folder: "recordings/s/r/".into(), safe_until: Timestamp(5), upload: None, parts: vec![] };
        let mut ledger = Ledger::open(&folder).unwrap();
        ledger.set_place(Some(place.clone())).unwrap();
        assert_eq!((ledger.failed().unwrap(), ledger.failed().unwrap()), (1, 2));
        assert_eq!(Ledger::open(&folder).unwrap().place(), Some(&place));
        assert_eq!(place.prefix().unwrap().as_str(), "recordings/s/r/");
        assert!(Place { folder: "recordings/s".into(), ..place }.prefix().is_none());
        std::fs::write(folder.join(LEDGER_FILE), "{\"fail").unwrap();
        assert_eq!(Ledger::open(&folder).unwrap().place(), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
