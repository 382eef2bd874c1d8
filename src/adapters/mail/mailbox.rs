//! Takes every mail and keeps it for `/dev/mail`. Only for development: codes lie open in it.

use super::{Mail, Post};
use backstage_actors::ports::{BoxFuture, Clock, ProviderError};
use backstage_core::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Mails kept, the latest.
pub const LETTERS_MAX: usize = 200;

/// A mail as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// When it came.
    pub at: Timestamp,
    /// Address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// See [`Mail::code`].
    pub code: Option<String>,
    /// See [`Mail::key`].
    pub key: String,
}

/// The mailbox: in memory, and in a file so that a restart keeps it.
pub struct Mailbox {
    clock: Arc<dyn Clock>,
    file: PathBuf,
    letters: Mutex<Letters>,
}

#[derive(Default)]
struct Letters {
    kept: VecDeque<Letter>,
    lines_in_file: usize,
}

impl Mailbox {
    /// Opens the mailbox kept in `file` (one JSON letter a line); a new one if there is none. Lines that cannot be read
    /// are left out.
    pub fn open(file: PathBuf, clock: Arc<dyn Clock>) -> io::Result<Mailbox> {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut letters = Letters { kept: VecDeque::new(), lines_in_file: text.lines().count() };
        for letter in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            letters.keep(letter);
        }
        Ok(Mailbox { clock, file, letters: Mutex::new(letters) })
    }

    /// What is kept, newest first.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().kept.iter().rev().cloned().collect()
    }

    fn put(&self, mail: Mail) -> io::Result<()> {
        let Mail { to, subject, text, code, key } = mail;
        let letter = Letter { at: self.clock.now(), to, subject, text, code, key };
        let mut letters = self.letters.lock();
        letters.keep(letter.clone());
        letters.lines_in_file += 1;
        if letters.lines_in_file > 2 * LETTERS_MAX {
            let mut all = Vec::new();
            for letter in &letters.kept {
                serde_json::to_writer(&mut all, letter)?;
                all.push(b'\n');
            }
            letters.lines_in_file = letters.kept.len();
            return crate::adapters::private_file::write(&self.file, &all);
        }
        let mut line = serde_json::to_vec(&letter)?;
        line.push(b'\n');
        OpenOptions::new().create(true).append(true).mode(0o600).open(&self.file)?.write_all(&line)
    }
}

impl Letters {
    fn keep(&mut self, letter: Letter) {
        if self.kept.len() == LETTERS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(letter);
    }
}

impl Post for Mailbox {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            self.put(mail)
                .map_err(|error| ProviderError::TryAgain(format!("the mailbox file cannot be written: {error}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(12)
        }
    }

    fn mail(text: &str, code: Option<String>) -> Mail {
        Mail { to: "a@b.c".into(), subject: "Hello".into(), text: text.into(), code, key: "k".into() }
    }

    #[test]
    fn letters_outlive_a_restart_newest_first_and_are_bounded() {
        let file = std::env::temp_dir().join(format!("backstage-mailbox-{}.jsonl", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mailbox = Mailbox::open(file.clone(), Arc::new(Noon)).unwrap();
        for number in 0..(2 * LETTERS_MAX + 5) {
            mailbox.put(mail("your code", Some(format!("{:06}", 100_000 + number)))).unwrap();
        }
        let mailbox = Mailbox::open(file.clone(), Arc::new(Noon)).unwrap();
        let letters = mailbox.letters();
        assert_eq!(letters.len(), LETTERS_MAX);
        assert_eq!(letters[0].code.as_deref(), Some("100404"));
        assert_eq!(letters[1].code.as_deref(), Some("100403"));
        assert!(std::fs::read_to_string(&file).unwrap().lines().count() <= 2 * LETTERS_MAX);
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_number_in_a_letter_is_no_code() {
        let file = std::env::temp_dir().join(format!("backstage-mailbox-{}-receipt.jsonl", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mailbox = Mailbox::open(file.clone(), Arc::new(Noon)).unwrap();
        mailbox.put(mail("Your order: /orders/01a21370-5acd-7413-b976-926961ce26eb, 100000 paid", None)).unwrap();
        assert_eq!(mailbox.letters()[0].code, None);
        std::fs::remove_file(file).unwrap();
    }
}
