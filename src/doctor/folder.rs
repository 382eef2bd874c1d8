//! Is the data folder writable, with room on its disk?

use super::Finding;
use nix::sys::statvfs::statvfs;
use std::path::{Path, PathBuf};

/// Below this the server should not start: 100 MB.
const FREE_BYTES_MIN: u64 = 100_000_000;
/// Below this it should be looked after: 1 GB.
const FREE_BYTES_LOW: u64 = 1_000_000_000;

/// Two findings, or one if there is no folder.
pub fn look(dir: &Path) -> Vec<Finding> {
    let writable = writable(dir, "data.dir (BACKSTAGE_DATA)");
    let Some(existing) = nearest_existing(dir) else { return vec![writable] };
    vec![writable, disk(&existing)]
}

/// Writes a file and takes it away again; a folder that is not there must be one that can be made.
pub(super) fn writable(dir: &Path, setting: &str) -> Finding {
    let shown = dir.display();
    let made = !dir.exists();
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    let tried = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&probe, b"probe"));
    let _ = std::fs::remove_file(&probe);
    if made {
        // Only if it is still empty.
        let _ = std::fs::remove_dir(dir);
    }
    match tried {
        Ok(()) if made => Finding::fine("data folder", format!("{shown} will be made.")),
        Ok(()) => Finding::fine("data folder", format!("{shown} is writable.")),
        Err(error) => Finding::fault(
            "data folder",
            format!(
                "{shown} cannot be written to ({error}): give this user the right to, or set {setting} to another folder."
            ),
        ),
    }
}

fn nearest_existing(dir: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(dir).ok()?;
    absolute.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_path_buf)
}

fn disk(dir: &Path) -> Finding {
    match statvfs(dir) {
        Ok(found) => room(found.blocks_available().saturating_mul(found.fragment_size())),
        Err(error) => Finding::warning("disk", format!("The free space cannot be read ({error}).")),
    }
}

pub(super) fn room(free_bytes: u64) -> Finding {
    let free_mb = free_bytes / 1_000_000;
    match free_bytes {
        0..FREE_BYTES_MIN => {
            Finding::fault("disk", format!("Only {free_mb} MB are free on the disk of the data folder: make room."))
        }
        FREE_BYTES_MIN..FREE_BYTES_LOW => {
            Finding::warning("disk", format!("{free_mb} MB are free on the disk of the data folder: make room soon."))
        }
        FREE_BYTES_LOW.. => Finding::fine("disk", format!("{} GB are free.", free_mb / 1_000)),
    }
}
