//! How the host's cost grows with its distributions.

use super::{Bench, Part, Rows, SIZE, get, mebibytes, millis, plain};
use crate::client::Client;
use crate::note;
use crate::servers::selvedge::Distribution;
use crate::servers::{HOST, Server};
use anyhow::{Result, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often one distribution is changed. The median counts.
const CHANGES: usize = 9;

/// The longest time that a change may take before the measurement fails.
const MAX_CHANGE: Duration = Duration::from_secs(10);

pub(super) const DISTRIBUTIONS: Part = Part {
    name: "distributions",
    title: "Distributions",
    columns: &[
        "distributions",
        "CPU us a hit, one of them",
        "CPU us a hit, any of them",
        "memory, MiB",
        "ms from start to the first answer",
        "ms until a change of one is in force",
        "ms of the slowest hit meanwhile",
    ],
    measure,
};

fn measure(bench: &Bench, rows: &mut Rows) -> Result<()> {
    for count in bench.steps(&[1, 10, 100, 1_000, 10_000]) {
        note(format_args!("distributions: {count}"));
        let mut setup = plain("256 MiB", "1 GiB");
        // Every name is an alias; the first distribution has the name that all servers answer to.
        setup.distributions.extend((1..count).map(|number| {
            Distribution::new(&format!("d{number}"), &format!("d{number}.test"), None)
        }));
        setup
            .distributions
            .push(Distribution::new("d0", "d0.test", None));
        let server = bench.host(&format!("distributions-{count}"), &setup)?;
        let memory = server.memory()?;
        for number in 0..count {
            get(&server, &format!("d{number}.test"), 0)?;
        }
        let one = bench.hits_on_one(&server)?;
        let any = bench.hits(&server, &format!("hosts /{SIZE}/0 {count}"))?;
        let change = change(&server)?;
        rows.push(vec![
            count as f64,
            one,
            any,
            mebibytes(memory),
            millis(server.started_in),
            millis(change.in_force),
            millis(change.slowest),
        ]);
    }
    Ok(())
}

/// The cost of a change of one distribution.
struct Change {
    /// From the file's replacement to the first answer under its new name, the median.
    in_force: Duration,
    /// The slowest hit on another distribution while all of this went on.
    slowest: Duration,
}

fn change(server: &Server) -> Result<Change> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let hits = scope.spawn(|| slowest_hit(server, &over));
        let mut times: Vec<Duration> = Vec::new();
        let mut failed = None;
        for number in 0..CHANGES {
            match change_once(server, number) {
                Ok(time) => times.push(time),
                Err(error) => failed = Some(error),
            }
        }
        over.store(true, Ordering::Relaxed);
        let slowest = hits.join().unwrap_or_else(|_| Ok(Duration::MAX))?;
        if let Some(error) = failed {
            return Err(error);
        }
        times.sort_unstable();
        Ok(Change {
            in_force: times.get(CHANGES / 2).copied().unwrap_or_default(),
            slowest,
        })
    })
}

/// Gives a distribution another name, and asks for it under that until it answers.
fn change_once(server: &Server, number: usize) -> Result<Duration> {
    let name = format!("changed{number}.test");
    let mut client = Client::connect(server.place.address, &name)?;
    let begun = Instant::now();
    Distribution::new("d0", &name, None).replace(&server.place)?;
    loop {
        let answer = client.get(&format!("/{SIZE}/0"), None)?;
        if answer.status == 200 {
            return Ok(begun.elapsed());
        }
        ensure!(begun.elapsed() < MAX_CHANGE, "a change was not taken");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn slowest_hit(server: &Server, over: &AtomicBool) -> Result<Duration> {
    let mut client = Client::connect(server.place.address, HOST)?;
    let mut slowest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        client.get(&format!("/{SIZE}/1"), None)?;
        slowest = slowest.max(begun.elapsed());
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(slowest)
}
