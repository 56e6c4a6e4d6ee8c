//! How the host's cost grows with what it has stored.
//!
//! The host does not let viewers wait for a disk that is slower than the fills: with 64 MiB of memory, 4 MiB of bodies may
//! be on their way to the disk and 4 MiB may wait for that, and what comes beyond stays in memory only, until it leaves.
//! So the objects are brought in, the host is given the time to write them, and those that it has not got any more are
//! asked for again.

use super::{Bench, Part, Rows, SIZE, check, get, mebibytes, millis, plain};
use crate::servers::selvedge::{self, Stats};
use crate::servers::{HOST, Server};
use crate::{note, stopped};
use anyhow::{Result, bail, ensure};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) const OBJECTS: Part = Part {
    name: "objects",
    title: "Objects of 1 KiB; 64 MiB of memory tier, the rest on disk",
    columns: &[
        "objects",
        "CPU us a hit, one object",
        "CPU us a request, any object",
        "% of these no hits",
        "memory, MiB",
        "disk, MiB",
        "killed, ms to the first answer",
        "not written at first",
    ],
    measure,
};

/// How many viewers fill the cache at once.
const FILLERS: usize = 16;
/// How often what is missing is asked for again.
const PASSES: usize = 3;
/// The part of the requests for any object that may be no hits. A miss costs some ten times a hit, so that they are a
/// tenth of the row's figure at worst; how many there were stands beside it.
const MAY_MISS: f64 = 0.01;
/// How long the host may take to write what waits.
const PATIENCE: Duration = Duration::from_secs(60);

fn measure(bench: &Bench, rows: &mut Rows) -> Result<()> {
    let setup = plain("64 MiB", "8 GiB");
    let mut server = bench.host("objects", &setup)?;
    let mut filled = 0;
    for count in bench.steps(&[1_000, 10_000, 100_000, 1_000_000]) {
        note(format_args!("objects: {count}"));
        let not_written = bring_in(&server, filled, count)?;
        filled = count;
        let one = bench.hits_on_one(&server)?;
        let any = bench.load(&server, &format!("uniform {SIZE} {count} 1"))?;
        ensure!(
            any.missed <= MAY_MISS,
            "{:.2}% of the requests for any of {count} objects were no hits",
            any.missed * 100.0
        );
        // What was fetched again in the load is written too.
        settle(&server)?;
        let (memory, disk) = (
            server.memory()?,
            size_of_folder(&server.place.folder.join("store")),
        );
        server.kill()?;
        drop(server);
        server = bench.host("objects", &setup)?;
        let started_in = server.started_in;
        let fetched = server.origin.requests();
        get(&server, HOST, count / 2)?;
        ensure!(
            server.origin.requests() == fetched,
            "an object was lost by the restart"
        );
        rows.push(vec![
            count as f64,
            one,
            any.cpu,
            any.missed * 100.0,
            mebibytes(memory),
            mebibytes(disk),
            millis(started_in),
            not_written as f64,
        ]);
    }
    Ok(())
}

/// Has the host store the objects from `from` to `to`, beside those below. How many it did not write at first, by its own
/// count.
fn bring_in(server: &Server, from: u64, to: u64) -> Result<u64> {
    fill(server, from, to)?;
    let first = settle(server)?;
    let mut on_disk = first.disk_objects;
    for _ in 0..PASSES {
        if on_disk >= to {
            break;
        }
        let fetched = server.origin.requests();
        fill(server, 0, to)?;
        let fetched = server.origin.requests() - fetched;
        note(format_args!(
            "  {on_disk} of {to} were on disk; {fetched} were neither there nor in memory, and were fetched again"
        ));
        on_disk = settle(server)?.disk_objects;
        if fetched == 0 {
            break;
        }
    }
    Ok(first.not_written)
}

/// Waits until the host has written what waits, and knows what it has.
fn settle(server: &Server) -> Result<Stats> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        ensure!(!stopped(), "ended before it was done");
        let stats = selvedge::stats(server)?;
        if stats.disk_known && stats.queued_bytes == 0 {
            return Ok(stats);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!(
        "the host has not written what it has after {} s",
        PATIENCE.as_secs()
    )
}

/// Asks for the objects from `from` to `to`, and checks what comes.
fn fill(server: &Server, from: u64, to: u64) -> Result<()> {
    let next = AtomicU64::new(from);
    std::thread::scope(|scope| {
        let filler = || -> Result<()> {
            let mut client = server.client()?;
            loop {
                let object = next.fetch_add(1, Ordering::Relaxed);
                if object >= to || stopped() {
                    return Ok(());
                }
                check(&mut client, object)?;
            }
        };
        let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(filler)).collect();
        for filler in fillers {
            filler
                .join()
                .map_err(|_| anyhow::anyhow!("a filler panicked"))??;
        }
        Ok(())
    })
}

/// Bytes that the files below a folder take on the disk.
fn size_of_folder(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of_folder(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("below")).expect("it is ours");
        std::fs::write(folder.path().join("below/file"), vec![1; 100_000]).expect("it is ours");
        assert!(size_of_folder(folder.path()) >= 100_000);
    }
}
