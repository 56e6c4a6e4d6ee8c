//! After a start: learns which keys are on disk, and finds files that nothing points to.
//!
//! It runs beside the requests, in small steps, so that opening a store takes no longer when more is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::StateError;
use crate::key::Key;
use crate::queue::Command;
use crate::shared::Shared;

/// Keys per read of the index.
const STEP: usize = 4096;

/// The pause after an index could not be read: at first, and at most. It doubles each time.
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(60);

/// Runs until all is known or `stop` is set. The caller that sets it wakes this thread.
pub(crate) fn run(shared: &Arc<Shared>, stop: &AtomicBool) {
    let (mut after, mut pause) = (None, RETRY);
    let generation = || {
        shared
            .disk
            .as_ref()
            .map_or(0, |disk| disk.index.generation())
    };
    loop {
        let before = generation();
        let Err(error) = learn(shared, &mut after, stop) else {
            break;
        };
        tracing::warn!(
            %error, retry_ms = pause.as_millis(),
            "the keys on disk could not all be read; look-ups ask the index instead until they are"
        );
        if let Some(disk) = &shared.disk {
            disk.unreadable(error, before);
        }
        rest(pause, stop);
        pause = (pause * 2).min(MAX_RETRY);
    }
}

fn rest(pause: Duration, stop: &AtomicBool) {
    let until = Instant::now() + pause;
    while !stop.load(Ordering::Relaxed) {
        match until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => thread::park_timeout(left),
            _ => break,
        }
    }
}

/// Goes on after the key `after`.
fn learn(shared: &Shared, after: &mut Option<Key>, stop: &AtomicBool) -> Result<(), StateError> {
    let Some(disk) = &shared.disk else {
        return Ok(());
    };
    while !disk.presence.is_known() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let keys = disk.index.keys(after.as_ref(), STEP)?;
        keys.iter().for_each(|key| disk.presence.insert(key));
        match keys.last() {
            Some(last) => *after = Some(*last),
            None => disk.presence.set_known(),
        }
    }
    while !disk.units.is_listed() && !stop.load(Ordering::Relaxed) {
        rest(RETRY, stop);
    }
    for unit in disk.units.all() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if unit < disk.first_id && disk.index.unit(unit, 0, 1)?.is_empty() {
            disk.queue.push(Command::DropUnit { unit });
        }
    }
    Ok(())
}
