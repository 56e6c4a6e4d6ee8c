//! The harness of the store's tests: a store in a folder of its own, heads, bodies that can be told apart.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use selvedge_caching::{LifetimeSource, Nominated, Stored, StoredBody, StoredDirectives, Time};
use selvedge_store::{BodyError, BodyReader, Config, Entry, Found, Key, NotStored, Store};
use std::sync::Arc;

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 16 * MIB,
        disk_bytes: 256 * MIB,
        max_object_bytes: 64 * MIB,
        max_variants: 4,
    }
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(config(dir)).expect("the store opens")
}

/// Opens, and waits until all keys on disk are known.
pub(crate) async fn open_known(dir: &Path) -> Store {
    let store = open(dir);
    until("all keys are known", || store.stats().disk_known).await;
    store
}

/// Waits until this holds; a minute is more than it takes on the slowest machine.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until the disk, which has failed, is written again.
pub(crate) async fn works_again(store: &Store) {
    let began = Instant::now();
    while store.stats().disk_failed {
        assert!(began.elapsed() < Duration::from_secs(60), "it works again");
        tokio::time::sleep(Duration::from_millis(1)).await;
        store.flush().await;
    }
}

/// Stores the same small body under all these keys, so that all come to the disk: what found no room while the disk was
/// slow is stored again.
pub(crate) async fn put_all(store: &Store, numbers: Range<u64>, head: &Stored, body: &Bytes) {
    for first in numbers.clone().step_by(256) {
        loop {
            let skipped = store.stats().skipped_writes;
            for n in first..numbers.end.min(first + 256) {
                let stored = put(store, key(n), head.clone(), body).await;
                stored.expect("stored");
            }
            if store.stats().skipped_writes == skipped {
                break;
            }
            store.flush().await;
        }
    }
}

/// Keys are spread as hashes are.
pub(crate) fn key(number: u64) -> Key {
    let mut key = [0; 32];
    let mut state = number;
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&next(&mut state).to_le_bytes());
    }
    Key(key)
}

/// SplitMix64.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A body that differs from those of all other seeds everywhere.
pub(crate) fn body(seed: u64, length: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x1234_5678_9abc_def1);
    let mut body = Vec::with_capacity(length as usize + 8);
    while (body.len() as u64) < length {
        body.extend_from_slice(&next(&mut state).to_le_bytes());
    }
    body.truncate(length as usize);
    Bytes::from(body)
}

pub(crate) fn head(etag: &str) -> Stored {
    let mut fields = HeaderMap::new();
    fields.insert("content-type", HeaderValue::from_static("text/plain"));
    fields.insert("etag", HeaderValue::from_str(etag).expect("an etag"));
    Stored {
        status: StatusCode::OK,
        fields,
        trailers: None,
        request_time: Time(1_000),
        response_time: Time(2_000),
        date: Time(2_000),
        initial_age_ms: 0,
        lifetime: 60,
        lifetime_source: LifetimeSource::MaxAge,
        stale_while_revalidate: None,
        stale_if_error: None,
        directives: StoredDirectives::default(),
        vary: Vec::new(),
        tags: vec!["tag".into()],
        body: StoredBody::Complete { length: None },
        invalidated_softly: false,
    }
}

pub(crate) fn head_for_language(etag: &str, language: &str) -> Stored {
    let mut head = head(etag);
    head.vary = vec![Nominated {
        name: HeaderName::from_static("accept-language"),
        value: Some(language.as_bytes().into()),
    }];
    head
}

pub(crate) fn etag(entry: &Entry) -> String {
    let value = &entry.variants()[0].head.fields["etag"];
    value.to_str().expect("an etag").to_owned()
}

/// Stores a body in pieces of 16 KiB.
pub(crate) async fn put(
    store: &Store,
    key: Key,
    head: Stored,
    body: &Bytes,
) -> Result<Arc<Entry>, NotStored> {
    let mut fill = store.begin(
        key,
        head,
        Bytes::from_static(b"notes"),
        Some(body.len() as u64),
    );
    fill = fill.owned_by(u64::from(key.0[0] % 3));
    let mut rest = body.clone();
    while !rest.is_empty() {
        fill.append(rest.split_to(rest.len().min(16 << 10))).await;
    }
    fill.finish(None).await
}

pub(crate) async fn find(store: &Store, key: &Key) -> Option<Arc<Entry>> {
    match store.look_up(key) {
        Found::Memory(entry) => Some(entry),
        Found::OnDisk => store.load(key).await,
        Found::Absent => None,
    }
}

pub(crate) async fn read(mut reader: BodyReader) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await {
        let piece = piece?;
        assert!(!piece.is_empty());
        whole.extend_from_slice(&piece);
    }
    Ok(Bytes::from(whole))
}

/// The body of the newest variant of a key.
pub(crate) async fn body_of(store: &Store, key: &Key) -> Option<Result<Bytes, BodyError>> {
    let entry = find(store, key).await?;
    Some(read(entry.variants()[0].reader(None)).await)
}

/// Bytes that the files below a folder take.
pub(crate) fn disk_usage(dir: &Path) -> u64 {
    let mut sum = 0;
    for item in std::fs::read_dir(dir).expect("a folder") {
        let item = item.expect("an item");
        // A file that is evicted meanwhile takes nothing.
        let Ok(metadata) = item.metadata() else {
            continue;
        };
        sum += if metadata.is_dir() {
            disk_usage(&item.path())
        } else {
            metadata.len()
        };
    }
    sum
}

/// The files of bodies of one kind: "segments" or "large".
pub(crate) fn files(dir: &Path, kind: &str) -> Vec<std::path::PathBuf> {
    let folder = dir.join("cache").join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|item| item.expect("an item").path())
        .collect();
    files.sort();
    files
}

/// Two bodies are the same; a failure does not print them.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], expected: &[u8], what: &str) {
    if got == expected {
        return;
    }
    let differs = got.iter().zip(expected).position(|(a, b)| a != b);
    panic!(
        "{what}: {} bytes of {}, first difference at {differs:?}",
        got.len(),
        expected.len()
    );
}

/// Copies a folder as a crash at this instant would leave it.
pub(crate) fn snapshot(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    // The index first: what it points at was there before it.
    let mut items: Vec<_> = std::fs::read_dir(from)
        .expect("a folder")
        .map(|i| i.expect("an item"))
        .collect();
    items.sort_by_key(|item| item.path().extension().is_none_or(|e| e != "redb"));
    for item in items {
        let target = to.join(item.file_name());
        match item.file_type().expect("a type").is_dir() {
            true => snapshot(&item.path(), &target),
            false => {
                // A file that is evicted meanwhile is not part of the picture.
                let _ = std::fs::copy(item.path(), target);
            }
        }
    }
}

/// Resident memory of this process in bytes.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 4096
}

/// Returns true if this process runs only this test, so that it measures itself; else such a process is run, and must
/// succeed.
pub(crate) fn is_alone(test: &str) -> bool {
    const ALONE: &str = "SELVEDGE_STORE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|alone| alone == test) {
        return true;
    }
    let process = std::process::Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, test)
        .output()
        .expect("it runs");
    let output = [process.stdout, process.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(
        process.status.success() && output.contains("1 passed"),
        "{output}"
    );
    false
}
