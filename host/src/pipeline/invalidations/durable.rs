//! Invalidations in the durable state: one value for each scope, one for each shard of what unsafe methods made out of date,
//! and the number that orders begin at.
#![expect(
    clippy::disallowed_methods,
    reason = "a number that grows with each start"
)]

use super::Sequence;
use super::marks::{Mark, Marks};
use super::recent::Recent;
use super::scope::Scope;
use selvedge_caching::Time;
use selvedge_store::{State, StateChange, StateError};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Key: distribution, a zero byte, the kind, the path or tag. Value: three numbers of 8 bytes.
const TABLE: &str = "invalidations";

/// The number of the last start.
const START: (&str, &[u8]) = ("edge", b"invalidations-start");

/// Invalidations by unsafe methods. Key: the number of the shard. Value: the shard (`recent`).
const OUTDATED: &str = "outdated";

/// The key of the hashes in it.
const SECRET: (&str, &[u8]) = ("edge", b"outdated-secret");

/// Responses whose fetch began before this sequence number are out of date, whatever their names: an invalidation was damaged.
const FLOOR: (&str, &[u8]) = ("edge", b"invalidations-floor");

/// Values read at once.
const PAGE: usize = 4096;

const EXACT: u8 = b'p';
const PREFIX: u8 = b'w';
const TAG: u8 = b't';

/// The sequence number that this run of the host begins at: above all numbers of earlier runs, which the number of the
/// start in its upper half sees to. That number is the time in seconds unless the clock was turned back, so that what is
/// stored stays older than what comes even where the durable state was lost, or could not be written then.
pub(super) fn first_order(state: &State) -> Result<u64, StateError> {
    let (table, key) = START;
    let before = whole(state.blocking_get(table, key))?;
    let before = before
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_be_bytes);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let start = before.saturating_add(1).max(now) & u64::from(u32::MAX);
    if let Err(error) = state.blocking_put(table, key, &start.to_be_bytes()) {
        tracing::error!(
            target: "cache",
            "the number of this start can't be written to the durable state: {error}. See that the store's disk works; do not turn the clock back before the next start"
        );
    }
    Ok(start << 32)
}

/// A value; none where it changed on disk.
fn whole(read: Result<Option<Vec<u8>>, StateError>) -> Result<Option<Vec<u8>>, StateError> {
    match read {
        Err(StateError::Changed) => Ok(None),
        read => read,
    }
}

/// Keys whose values changed on disk. What they invalidated is not known any more.
#[derive(Default)]
pub(super) struct Damaged(Vec<(&'static str, Vec<u8>)>);

impl Damaged {
    fn add(&mut self, table: &'static str, key: &[u8]) {
        tracing::error!(
            target: "cache",
            table,
            "an invalidation in the durable state changed on disk: {}",
            key.escape_ascii()
        );
        self.0.push((table, key.to_vec()));
    }
}

/// Returns the sequence number before which everything stored is out of date. If an invalidation was damaged, it is that of
/// this start: the responses that it concerned are unknown, so it concerns them all.
pub(super) fn floor(
    state: &State,
    damaged: Damaged,
    first: Sequence,
) -> Result<Sequence, StateError> {
    let (table, key) = FLOOR;
    let kept = match state.blocking_get(table, key) {
        Err(StateError::Changed) => Some(first),
        kept => kept?
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Sequence(u64::from_be_bytes(bytes))),
    };
    if damaged.0.is_empty() {
        return Ok(kept.unwrap_or_default());
    }
    let remove = |(table, key): (&str, Vec<u8>)| StateChange::Delete {
        table: table.to_owned(),
        key,
    };
    let mut changes: Vec<StateChange> = damaged.0.into_iter().map(remove).collect();
    changes.push(StateChange::Put {
        table: table.to_owned(),
        key: key.to_vec(),
        value: first.0.to_be_bytes().to_vec(),
    });
    tracing::error!(
        target: "cache",
        "everything that was stored before this start is out of date, since it might have been invalidated"
    );
    // The next start finds the same damage, and does the same, where this is not written.
    if let Err(error) = state.blocking_apply(&changes) {
        tracing::error!(target: "cache", "the durable state can't be written: {error}. See that the store's disk works");
    }
    Ok(first)
}

/// All that was kept, by distribution. What can't be read, as another version may have written it, is left out.
pub(super) fn load(
    state: &State,
    damaged: &mut Damaged,
) -> Result<HashMap<Arc<str>, Arc<Marks>>, StateError> {
    let mut all: HashMap<Arc<str>, Marks> = HashMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = state.blocking_scan(TABLE, b"", after.as_deref(), PAGE)?;
        for (key, value) in &page {
            let Some(value) = value else {
                damaged.add(TABLE, key);
                continue;
            };
            match read(key, value) {
                Some((distribution, scope, mark)) => {
                    all.entry(distribution.into()).or_default().set(scope, mark)
                }
                None => tracing::warn!(
                    target: "cache",
                    "an invalidation in the durable state can't be read: {}",
                    key.escape_ascii()
                ),
            }
        }
        match page.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => break,
        }
    }
    Ok(all
        .into_iter()
        .map(|(id, marks)| (id, Arc::new(marks)))
        .collect())
}

/// Reads the invalidations by unsafe methods of earlier runs. Those that can't be read stand for nothing, as with a lost state.
pub(super) fn load_recent(state: &State, damaged: &mut Damaged) -> Result<Recent, StateError> {
    let (table, key) = SECRET;
    let kept = match state.blocking_get(table, key) {
        Err(StateError::Changed) => {
            damaged.add(table, key);
            None
        }
        kept => kept?,
    };
    let secret = match kept.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(secret) => secret,
        // It is written with the first shards.
        None => new_secret(),
    };
    let mut recent = Recent::new(secret);
    // There are no more shards than that.
    for (key, value) in state.blocking_scan(OUTDATED, b"", None, PAGE)? {
        let Some(value) = value else {
            damaged.add(OUTDATED, &key);
            continue;
        };
        let read = matches!(*key, [number] if recent.load(number, &value));
        if !read {
            tracing::warn!(
                target: "cache",
                "what unsafe methods made out of date can't be read: {}",
                key.escape_ascii()
            );
        }
    }
    Ok(recent)
}

/// The standard library's hashers have random keys of the system.
fn new_secret() -> [u8; 32] {
    let mut seed = blake3::Hasher::new();
    for n in 0..4_u64 {
        seed.update(&RandomState::new().hash_one(n).to_be_bytes());
    }
    *seed.finalize().as_bytes()
}

/// Returns the changes that write these shards, and the key of the hashes in them.
pub(super) fn shards(secret: [u8; 32], changed: &[(u8, Vec<u8>)]) -> Vec<StateChange> {
    let (table, key) = SECRET;
    let secret = StateChange::Put {
        table: table.to_owned(),
        key: key.to_vec(),
        value: secret.to_vec(),
    };
    let put = |(number, value): &(u8, Vec<u8>)| StateChange::Put {
        table: OUTDATED.to_owned(),
        key: vec![*number],
        value: value.clone(),
    };
    changed.iter().map(put).chain([secret]).collect()
}

/// Returns the changes that make the durable state the same as these marks in the scopes that changed.
pub(super) fn changes(
    distribution: &str,
    marks: &Marks,
    changed: &BTreeSet<Scope>,
) -> Vec<StateChange> {
    let change = |scope: &Scope| {
        let table = TABLE.to_owned();
        let key = key(distribution, scope);
        match marks.get(scope) {
            Some(mark) => StateChange::Put {
                table,
                key,
                value: value(mark),
            },
            None => StateChange::Delete { table, key },
        }
    };
    changed.iter().map(change).collect()
}

fn key(distribution: &str, scope: &Scope) -> Vec<u8> {
    let (kind, name) = match scope {
        Scope::Exact(path) => (EXACT, path),
        Scope::Prefix(prefix) => (PREFIX, prefix),
        Scope::Tag(tag) => (TAG, tag),
    };
    [distribution.as_bytes(), &[0, kind], name.as_bytes()].concat()
}

fn value(mark: Mark) -> Vec<u8> {
    [mark.hard.0, mark.soft.0, mark.soft_at.0]
        .map(u64::to_be_bytes)
        .concat()
}

fn read<'k>(key: &'k [u8], value: &[u8]) -> Option<(&'k str, Scope, Mark)> {
    let (distribution, rest) = key.split_at_checked(key.iter().position(|byte| *byte == 0)?)?;
    let [0, kind, name @ ..] = rest else {
        return None;
    };
    let name: Box<str> = std::str::from_utf8(name).ok()?.into();
    let scope = match *kind {
        EXACT => Scope::Exact(name),
        PREFIX => Scope::Prefix(name),
        TAG => Scope::Tag(name),
        _ => return None,
    };
    let (numbers, []) = value.as_chunks::<8>() else {
        return None;
    };
    let [hard, soft, soft_at] = numbers else {
        return None;
    };
    let mark = Mark {
        hard: Sequence(u64::from_be_bytes(*hard)),
        soft: Sequence(u64::from_be_bytes(*soft)),
        soft_at: Time(u64::from_be_bytes(*soft_at)),
    };
    Some((std::str::from_utf8(distribution).ok()?, scope, mark))
}
