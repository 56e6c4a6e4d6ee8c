//! After a start: learns which keys are on disk, and finds files that nothing points to.
//!
//! It runs beside the requests, in small steps, so that opening a store takes no longer when more is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::StateError;
use crate::queue::Order;
use crate::shared::Shared;

/// Keys per read of the index.
const STEP: usize = 4096;

/// Runs until all is known or `stop` is set.
pub(crate) fn run(shared: &Arc<Shared>, stop: &AtomicBool) {
    if let Err(error) = learn(shared, stop) {
        tracing::warn!(%error, "the keys on disk could not all be read; look-ups ask the index instead");
    }
}

fn learn(shared: &Shared, stop: &AtomicBool) -> Result<(), StateError> {
    let Some(disk) = &shared.disk else {
        return Ok(());
    };
    let mut after = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let keys = disk.index.keys(after.as_ref(), STEP)?;
        keys.iter().for_each(|key| disk.presence.insert(key));
        match keys.last() {
            Some(last) => after = Some(*last),
            None => break,
        }
    }
    disk.presence.set_known();
    for unit in disk.units.all() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if unit < disk.first_id && disk.index.unit(unit, 0, 1)?.is_empty() {
            disk.queue.push(Order::DropUnit { unit });
        }
    }
    Ok(())
}
