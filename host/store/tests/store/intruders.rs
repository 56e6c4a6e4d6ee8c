//! Other things in the store's folder: files that others may read, and things that are no files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use selvedge_store::{OpenError, Store};

use crate::support::*;

async fn filled(dir: &Path) {
    let store = open(dir);
    put(&store, key(1), head("\"s\""), &body(1, 1_000))
        .await
        .unwrap();
    put(&store, key(2), head("\"l\""), &body(2, 2 * MIB))
        .await
        .unwrap();
    store.state().put("t", b"k", b"value").await.unwrap();
    store.flush().await;
}

/// All files and folders below this one.
fn all(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn assert_closed_to_others(dir: &Path) {
    let found = all(dir);
    assert!(found.len() >= 9, "{found:?}");
    for path in found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[tokio::test]
async fn files_and_folders_are_for_their_owner_only_and_those_of_earlier_versions_become_so() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new/store");
    filled(&dir).await;
    assert_closed_to_others(&dir);
    assert_eq!(mode(&dir), 0o700, "we made it");
    for path in all(&dir) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let store = open_known(&dir).await;
    // Large files are listed beside the requests.
    store.flush().await;
    assert!(find(&store, &key(2)).await.is_some());
    assert_closed_to_others(&dir);
    assert_eq!(
        mode(&dir),
        0o755,
        "a folder that is there is its owner's business"
    );
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Opens the store on a thread of its own: it must come to an end.
fn open_in_time(dir: &Path) -> Result<Store, OpenError> {
    let (sender, opened) = std::sync::mpsc::channel();
    let config = config(dir);
    std::thread::spawn(move || sender.send(Store::open(config)));
    opened
        .recv_timeout(Duration::from_secs(60))
        .expect("it does not wait for ever")
}

/// Puts a pipe and a folder in the place of this, one after the other.
async fn replaced(what: &str, mut then: impl AsyncFnMut(&Path)) {
    for is_fifo in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        let paths = match what {
            "large" | "segments" => files(dir.path(), what),
            _ => vec![dir.path().join(what)],
        };
        assert!(!paths.is_empty());
        for path in paths {
            match path.is_dir() {
                true => fs::remove_dir_all(&path).unwrap(),
                false => fs::remove_file(&path).unwrap(),
            }
            match is_fifo {
                true => fifo(&path),
                false => fs::create_dir(&path).unwrap(),
            }
        }
        then(dir.path()).await;
    }
}

#[tokio::test]
async fn what_is_no_file_in_the_place_of_one_that_must_be_read_is_refused_at_once() {
    for what in ["state.redb", "lock", "format"] {
        replaced(what, async |dir| {
            let error = open_in_time(dir).err().expect("refused").to_string();
            assert!(error.contains(what), "{error}");
            assert!(error.contains("not a regular file"), "{error}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_no_file_in_the_cache_costs_what_was_stored_and_nothing_else() {
    for what in [
        "cache/index.redb",
        "cache/generation",
        "large",
        "segments",
        "cache/large",
    ] {
        replaced(what, async |dir| {
            let store = open_in_time(dir).expect("it starts");
            until("all keys are known", || store.stats().disk_known).await;
            let mut lost = 0;
            for n in [1, 2] {
                lost += usize::from(find(&store, &key(n)).await.is_none());
            }
            assert!(lost > 0 || what == "cache/large", "{what}");
            store.flush().await;
            works_again(&store).await;
            put(&store, key(9), head("\"n\""), &body(9, 2 * MIB))
                .await
                .expect(what);
            store.flush().await;
            let found = body_of(&store, &key(9)).await.expect(what).expect("whole");
            assert_same(&found, &body(9, 2 * MIB), what);
        })
        .await;
    }
}
