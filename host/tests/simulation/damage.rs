//! A disk that loses or changes what was stored: bodies are overwritten in places, cut off, or removed.

use crate::random::Random;
use crate::world::World;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Damages some of what is stored in a store's folder; in how many places.
fn damage(store: &Path, random: &mut Random) -> usize {
    let mut files = Vec::new();
    for folder in ["segments", "large"] {
        let entries = fs::read_dir(store.join("cache").join(folder));
        let entries = entries.into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()));
    }
    // The order in a folder is the system's.
    files.sort();
    if files.is_empty() {
        return 0;
    }
    let places = random.between(1, 12);
    (0..places)
        .filter(|_| damage_one(&random.one_of(&files), random))
        .count()
}

/// Returns true if there was anything to damage.
fn damage_one(path: &PathBuf, random: &mut Random) -> bool {
    if random.chance(5) {
        return fs::remove_file(path).is_ok();
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return false;
    };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length == 0 {
        return false;
    }
    let at = random.below(length);
    if random.chance(10) {
        return file.set_len(at).is_ok();
    }
    let garbage: Vec<u8> = (0..random.between(1, 600))
        .map(|_| random.next() as u8)
        .collect();
    let end = garbage.len().min((length - at) as usize);
    file.write_all_at(&garbage[..end], at).is_ok()
}

impl World {
    /// Damages what is on disk, with the host running or between two runs. That costs what was stored, and nothing else.
    pub(crate) async fn damage(&mut self) {
        self.host.edge().store().flush().await;
        let restarts = self.random.chance(50);
        if restarts {
            self.host.stop().await;
        }
        let places = damage(&self.host.store(), &mut self.random);
        self.tell(format!(
            "the disk is damaged in {places} places, restart: {restarts}"
        ));
        if restarts {
            self.host.restart().await;
        }
        let sent = self.origin.inner().log.len();
        self.model.damage(sent);
    }
}
