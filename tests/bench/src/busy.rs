//! Hits beside a second load, of misses that are all stored: whether viewers wait for the cache's writing.
//!
//! Both generators, the server and the origin share the machine's processors, so a part of what a hit waits longer is no
//! server's fault. The same is done to other servers that write to disk, and what they come to stands beside it.

use crate::load::{self, Aim, Seen};
use crate::workload::{Run, Target, Workload, first_of, stored};
use anyhow::{Result, ensure};
use std::time::Duration;

/// The names of the servers that take part, with those of their second rows.
pub(crate) const ROWS: &[(&str, &str)] = &[
    ("selvedge", "selvedge, filling"),
    ("nginx", "nginx, filling"),
    ("Traffic Server", "Traffic Server, filling"),
];

/// How many viewers fill.
const FILLERS: u32 = 16;
/// How long they are there before the first hit is timed, and at least after the last.
const AROUND: u32 = 1;

/// The result of a run beside a second load.
pub(crate) struct Beside {
    /// The hits.
    pub(crate) seen: Seen,
    /// Of 16 objects that the second load brought in, how many are hits after it.
    pub(crate) stored: u64,
    /// Bytes brought in each second.
    pub(crate) filled: f64,
}

/// Puts the load of hits on while others fill with objects of this size.
pub(crate) fn hits(workload: &Workload, target: Target, run: Run, size: u64) -> Result<Beside> {
    let first = first_of(run.round);
    let aim = Aim {
        address: target.server.place.address,
        host: target.host,
        seconds: run.seconds + 2 * AROUND,
        connections: FILLERS,
    };
    let words = format!("fresh {size} {first}");
    let before = target.server.origin.requests();
    let (seen, misses) = std::thread::scope(|scope| {
        let filling = scope.spawn(|| load::wrk(aim, "/", Some((run.script, &words))));
        std::thread::sleep(Duration::from_secs(AROUND.into()));
        let seen = workload.load(target, run);
        let misses = filling.join();
        (seen, misses)
    });
    let misses = misses.map_err(|_| anyhow::anyhow!("the second load panicked"))??;
    let seen = seen?;
    let fetched = target.server.origin.requests() - before;
    ensure!(
        fetched >= misses.requests,
        "{} misses, but only {fetched} fetches",
        misses.requests
    );
    let others = fetched - misses.requests;
    // What was under way when the fillers went is among them.
    ensure!(
        others <= u64::from(FILLERS) + seen.requests / 1000,
        "{others} of {} requests were no hits",
        seen.requests
    );
    Ok(Beside {
        seen,
        stored: stored(target, size, first, misses.requests)?,
        filled: misses.requests as f64 * size as f64 / misses.lasted.as_secs_f64(),
    })
}
