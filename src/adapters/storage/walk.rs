//! Listing of a folder in the order of keys. A folder is read whole to be sorted; what a prefix or a place in the
//! listing rules out is not entered.

use super::{Key, Listed, PAGE_MAX, Page, Prefix, files};
use std::fs;
use std::io;
use std::path::Path;

struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    /// One more than asked for, to know whether there are more.
    wanted: usize,
    found: Vec<Listed>,
}

/// A page of the keys below `root`. Blocks.
pub fn list(root: &Path, prefix: &Prefix, after: Option<&Key>, limit: u16) -> io::Result<Page> {
    let limit = usize::from(limit.clamp(1, PAGE_MAX));
    let mut walk = Walk { prefix: prefix.as_str(), after: after.map(Key::as_str), wanted: limit + 1, found: vec![] };
    walk.enter(root, "")?;
    let mut objects = walk.found;
    let more = objects.len() > limit;
    objects.truncate(limit);
    let next = if more { objects.last().map(|last| last.key.clone()) } else { None };
    Ok(Page { objects, next })
}

impl Walk<'_> {
    /// `above`: what the keys in this folder begin with, with its slash.
    fn enter(&mut self, folder: &Path, above: &str) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // Tidied away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = vec![];
        for entry in entries {
            let entry = entry?;
            let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
            if kind.is_dir() && !name.starts_with('.') {
                names.push(format!("{above}{name}/"));
            } else if kind.is_file() {
                names.push(format!("{above}{name}"));
            }
        }
        // A folder with its slash sorts where its keys do.
        names.sort_unstable();
        for name in names {
            if self.found.len() == self.wanted {
                return Ok(());
            }
            let file = name.strip_prefix(above).unwrap_or(&name);
            if name.ends_with('/') {
                if self.may_hold(&name) {
                    self.enter(&folder.join(file), &name)?;
                }
            } else if name.starts_with(self.prefix) && self.after.is_none_or(|after| name.as_str() > after) {
                self.take(&folder.join(file), &name);
            }
        }
        Ok(())
    }

    fn may_hold(&self, folder: &str) -> bool {
        let on_the_way = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        on_the_way && self.after.is_none_or(|after| folder > after || after.starts_with(folder))
    }

    fn take(&mut self, path: &Path, name: &str) {
        // Not a key of ours, or deleted meanwhile: not listed.
        if let (Ok(key), Ok(about)) = (Key::parse(name), fs::metadata(path)) {
            self.found.push(Listed { key, size: about.len(), modified: files::modified(&about) });
        }
    }
}
