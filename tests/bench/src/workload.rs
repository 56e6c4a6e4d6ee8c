//! Requests to the servers, and the proof that a measurement is what its name says.

use crate::client::{Answer, Client};
use crate::crowd;
use crate::load::{self, Aim, H2_CONNECTIONS, Seen};
use crate::origin::content;
use crate::servers::Server;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// The popular and the unpopular objects of `zipf`.
const OBJECTS: u64 = 20_000;
const PIECE: u64 = 64 * KIB;
/// How many of the objects of a `miss` run are asked for again.
const SAMPLED: u64 = 16;
/// How long a server may take to store what it has answered with, and to end what it does for viewers that have gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// One column of the table.
pub(crate) struct Workload {
    /// The word for `--only`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) kind: Kind,
    pub(crate) connections: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One object of this size, again and again.
    Hit(u64),
    /// As `Hit`, with the cache-key plugin on the path.
    Plugin(u64),
    /// As `Hit`, by HTTP/2.
    H2(u64),
    /// Many objects of this size.
    Zipf(u64),
    /// Every request another object of this size.
    Miss(u64),
    /// Pieces of one object of this size.
    Range(u64),
    /// The number of viewers that ask for one object at once.
    Crowd(usize),
    /// As `Hit` with 1 KiB, alone and then beside misses of objects of this size.
    Busy(u64),
}

/// All of them, in the order of a round: what fills the caches comes last.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "hit-1k",
        title: "hit 1 KiB",
        kind: Kind::Hit(KIB),
        connections: 64,
    },
    Workload {
        name: "hit-16k",
        title: "hit 16 KiB",
        kind: Kind::Hit(16 * KIB),
        connections: 64,
    },
    Workload {
        name: "hit-1m",
        title: "hit 1 MiB",
        kind: Kind::Hit(MIB),
        connections: 16,
    },
    Workload {
        name: "zipf",
        title: "20,000 x 4 KiB, zipf",
        kind: Kind::Zipf(4 * KIB),
        connections: 64,
    },
    Workload {
        name: "plugin",
        title: "hit 1 KiB, cache-key plugin",
        kind: Kind::Plugin(KIB),
        connections: 64,
    },
    Workload {
        name: "h2",
        title: "HTTP/2 hit 1 KiB",
        kind: Kind::H2(KIB),
        connections: H2_CONNECTIONS,
    },
    Workload {
        name: "range",
        title: "64 KiB range of 16 MiB",
        kind: Kind::Range(16 * MIB),
        connections: 64,
    },
    Workload {
        name: "crowd",
        title: "200 viewers, one cold object",
        kind: Kind::Crowd(200),
        connections: 200,
    },
    Workload {
        name: "miss",
        title: "miss 4 KiB, stored",
        kind: Kind::Miss(4 * KIB),
        connections: 64,
    },
    Workload {
        name: "busy",
        title: "hit 1 KiB, while 64 KiB are filled in",
        kind: Kind::Busy(64 * KIB),
        connections: 64,
    },
];

/// A server under the host name that this row of the table is about.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) server: &'a Server,
    pub(crate) host: &'a str,
}

/// The other parts of a run.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) seconds: u32,
    pub(crate) round: u32,
    /// The script for wrk.
    pub(crate) script: &'a Path,
    /// A folder for a generator's own files.
    pub(crate) scratch: &'a Path,
}

impl Target<'_> {
    pub(crate) fn is_floor(self) -> bool {
        self.server.name == "floor"
    }

    fn client(self) -> Result<Client> {
        Client::connect(self.server.place.address, self.host)
    }

    /// Asks for a path, and says whether the answer is right.
    fn check(self, client: &mut Client, path: &str) -> Result<()> {
        let answer = client.get(path, None)?;
        self.compare(&answer, 200, &content(path))
            .with_context(|| path.to_owned())
    }

    fn compare(self, answer: &Answer, status: u16, expected: &[u8]) -> Result<()> {
        ensure!(
            answer.status == status,
            "status {} and not {status}",
            answer.status
        );
        let same = if self.is_floor() {
            answer.body.len() == expected.len()
        } else {
            answer.body == expected
        };
        ensure!(same, "a body that is not the origin's");
        Ok(())
    }
}

impl Workload {
    /// Brings the objects in, checks every byte of them, and that the second answers come without the origin.
    pub(crate) fn warm(&self, target: Target) -> Result<()> {
        let mut client = target.client()?;
        match self.kind {
            Kind::Hit(size) | Kind::Plugin(size) => {
                twice(target, &mut client, &format!("/{size}/0"))
            }
            Kind::H2(size) => {
                twice(target, &mut client, &format!("/{size}/0"))?;
                self.check_h2(target, &format!("/{size}/0"))
            }
            Kind::Busy(_) => twice(target, &mut client, &format!("/{KIB}/0")),
            // In every round: `busy` may have driven some of them out.
            Kind::Zipf(size) => warm_all(target, size),
            Kind::Range(size) => {
                let path = format!("/{size}/0");
                twice(target, &mut client, &path)?;
                let answer = client.get(&path, Some((PIECE, 2 * PIECE - 1)))?;
                let bounds = usize::try_from(PIECE)?..usize::try_from(2 * PIECE)?;
                target.compare(&answer, 206, content(&path).get(bounds).unwrap_or_default())
            }
            Kind::Crowd(_) => twice(target, &mut client, crowd::WARM),
            Kind::Miss(_) => Ok(()),
        }
    }

    /// Where this server takes HTTP/2; with the body, byte for byte.
    fn check_h2(&self, target: Target, path: &str) -> Result<()> {
        let mut viewer = Command::new("nghttp");
        viewer.arg("-H").arg(format!(":authority: {}", target.host));
        viewer.arg(format!("http://{}{path}", target.server.place.h2));
        let output = viewer.output().context("nghttp does not start")?;
        ensure!(
            output.stdout == content(path),
            "HTTP/2 with prior knowledge is not answered rightly"
        );
        Ok(())
    }

    /// Puts the load on for the time of the run.
    pub(crate) fn load(&self, target: Target, run: Run) -> Result<Seen> {
        let place = &target.server.place;
        let aim = Aim {
            address: place.address,
            host: target.host,
            seconds: run.seconds,
            connections: self.connections,
        };
        let script = |words: String| load::wrk(aim, "/", Some((run.script, words.as_str())));
        match self.kind {
            Kind::Hit(size) | Kind::Plugin(size) => load::wrk(aim, &format!("/{size}/0"), None),
            Kind::Busy(_) => load::wrk(aim, &format!("/{KIB}/0"), None),
            Kind::H2(size) => {
                let aim = Aim {
                    address: place.h2,
                    ..aim
                };
                load::h2load(aim, &format!("/{size}/0"), run.scratch)
            }
            Kind::Zipf(size) => script(format!("zipf {size} {OBJECTS} {}", run.round)),
            Kind::Miss(size) => script(format!("fresh {size} {}", first_of(run.round))),
            Kind::Range(size) => script(format!("pieces /{size}/0 {size} {PIECE}")),
            Kind::Crowd(_) => bail!("a crowd is no load"),
        }
    }

    /// Checks that the origin was asked as often as the name of the workload says.
    pub(crate) fn judge(&self, target: Target, run: Run, seen: &Seen, fetched: u64) -> Result<()> {
        let requests = seen.requests;
        if let Kind::Miss(size) = self.kind {
            ensure!(
                fetched >= requests,
                "{requests} requests, but only {fetched} fetches"
            );
            return sample(target, size, first_of(run.round), requests);
        }
        ensure!(
            fetched * 1000 <= requests,
            "{fetched} of {requests} requests were no hits"
        );
        Ok(())
    }
}

fn twice(target: Target, client: &mut Client, path: &str) -> Result<()> {
    target.check(client, path)?;
    // Some servers store a moment after the answer is out.
    for _ in 0..50 {
        let before = target.server.origin.requests();
        target.check(client, path)?;
        if target.server.origin.requests() == before {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("{path} is never a hit")
}

fn warm_all(target: Target, size: u64) -> Result<()> {
    let mut client = target.client()?;
    for object in 0..OBJECTS {
        target.check(&mut client, &format!("/{size}/{object}"))?;
    }
    Ok(())
}

/// The number of the first object of a round, so that none comes twice. Numbers below belong to `zipf`.
pub(crate) fn first_of(round: u32) -> u64 {
    (u64::from(round) + 1) * 100_000_000
}

/// Checks that objects of a run of misses are stored. A server that stores late is asked again, for others of them each time,
/// since what was asked for here is stored by that.
fn sample(target: Target, size: u64, first: u64, requests: u64) -> Result<()> {
    wait_for_quiet(target)?;
    let mut client = target.client()?;
    let start = Instant::now();
    for shift in 0.. {
        let hits = count_hits(target, &mut client, size, sampled(first, requests, shift))?;
        let fetched = SAMPLED - hits;
        if fetched <= SAMPLED / 4 {
            break;
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "{fetched} of {SAMPLED} objects were not stored {} s after the run",
            start.elapsed().as_secs()
        );
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Of 16 objects of a run of misses, how many are stored now.
pub(crate) fn stored(target: Target, size: u64, first: u64, requests: u64) -> Result<u64> {
    wait_for_quiet(target)?;
    let mut client = target.client()?;
    count_hits(target, &mut client, size, sampled(first, requests, 0))
}

/// Asks for these objects, and counts those for which the origin is not asked.
fn count_hits(
    target: Target,
    client: &mut Client,
    size: u64,
    objects: impl Iterator<Item = u64>,
) -> Result<u64> {
    let mut hits = 0;
    for object in objects {
        let before = target.server.origin.requests();
        target.check(client, &format!("/{size}/{object}"))?;
        hits += u64::from(target.server.origin.requests() == before);
    }
    Ok(hits)
}

/// Waits for fetches that a run's last viewers left behind: they must not be counted in the next run.
fn wait_for_quiet(target: Target) -> Result<()> {
    let start = Instant::now();
    let mut before = target.server.origin.requests();
    while start.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
        let now = target.server.origin.requests();
        if now == before {
            return Ok(());
        }
        before = now;
    }
    bail!(
        "the origin is still asked {} s after the run",
        PATIENCE.as_secs()
    )
}

/// Some of the objects of a run, from its beginning to its end; others for each shift.
fn sampled(first: u64, requests: u64, shift: u64) -> impl Iterator<Item = u64> {
    let step = requests / (SAMPLED + 1);
    // wrk takes a script's first request for a try, and does not send it.
    (0..SAMPLED).map(move |number| first + 1 + number * step + shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rounds_of_misses_ask_for_the_same_object() {
        let longest = 100_000_000;
        assert!(first_of(0) > OBJECTS);
        assert!(first_of(0) + longest <= first_of(1));
    }

    #[test]
    fn no_object_of_a_run_of_misses_is_sampled_twice() {
        let (first, requests) = (first_of(1), 3_000);
        let shifts = PATIENCE.as_millis() / PAUSE.as_millis();
        let mut objects: Vec<u64> = (0..=u64::try_from(shifts).expect("a few"))
            .flat_map(|shift| sampled(first, requests, shift))
            .collect();
        assert!(
            objects
                .iter()
                .all(|object| (first..first + requests).contains(object))
        );
        let all = objects.len();
        objects.sort_unstable();
        objects.dedup();
        assert_eq!(objects.len(), all);
    }

    #[test]
    fn every_workload_has_a_name_of_its_own() {
        let mut names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORKLOADS.len());
    }
}
