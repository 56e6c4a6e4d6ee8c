//! How the host's cost grows with what it holds: objects, distributions, idle connections, plugins.

use crate::client::Client;
use crate::load::{self, Aim};
use crate::origin::{Origin, content};
use crate::report::short;
use crate::servers::selvedge::{Distribution, Plugin, SELVEDGE, Setup};
use crate::servers::{HOST, Server};
use crate::{note, say, stopped};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many viewers fill the cache at once.
const FILLERS: usize = 16;
/// The size of every object.
const SIZE: u64 = 1024;

/// One property, and what becomes of the others with it.
#[derive(Serialize)]
struct Table {
    title: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<f64>>,
}

/// What every part of the measurement works with.
struct Bench<'a> {
    folder: &'a Path,
    script: &'a Path,
    origin: &'a Origin,
    seconds: u32,
    /// How many steps of each are taken.
    steps: usize,
}

/// Measures and prints all four.
pub(crate) fn measure(
    folder: &Path,
    script: &Path,
    origin: &Origin,
    quick: bool,
) -> Result<(serde_json::Value, bool)> {
    let (seconds, steps) = if quick { (1, 2) } else { (3, usize::MAX) };
    let bench = Bench {
        folder,
        script,
        origin,
        seconds,
        steps,
    };
    let mut tables = Vec::new();
    let mut fine = true;
    for part in [distributions, connections, plugins, objects] {
        match part(&bench) {
            Ok(table) => {
                say(format_args!("\n{}", table.text()));
                tables.push(table);
            }
            Err(error) => {
                say(format_args!("\nleft out: {error:#}"));
                fine = false;
            }
        }
    }
    Ok((serde_json::to_value(tables)?, fine))
}

impl Table {
    fn text(&self) -> String {
        let mut text = format!(
            "### {}\n\n| {} |\n|{}\n",
            self.title,
            self.columns.join(" | "),
            "---|".repeat(self.columns.len())
        );
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|value| cell(*value)).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// Counts as they are, figures with as many digits as they deserve.
fn cell(value: f64) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    if value.fract() == 0.0 {
        format!("{value}")
    } else {
        short(value)
    }
}

impl Bench<'_> {
    /// Those of these steps that are taken, until somebody wants this to end.
    fn steps<'a>(&self, steps: &'a [u64]) -> impl Iterator<Item = u64> + use<'a> {
        let taken = steps.iter().copied().take(self.steps);
        taken.take_while(|_| !stopped())
    }

    /// A host with this setup, in a folder that is used again under the same name.
    fn host(&self, name: &str, setup: &Setup) -> Result<Server> {
        let root: PathBuf = self.folder.join(name);
        SELVEDGE.start_with(&root, self.origin, |place| setup.prepare(place))
    }

    /// Processor microseconds of the host for each of the requests that this script makes; none may reach the origin.
    fn hits(&self, server: &Server, script: &str) -> Result<f64> {
        let aim = Aim {
            address: server.place.address,
            host: HOST,
            seconds: self.seconds,
            connections: 64,
        };
        let fetched = server.origin.requests();
        let used = server.processor_time()?;
        let seen = load::wrk(aim, "/", Some((self.script, script)))?;
        let used = server.processor_time()?.saturating_sub(used);
        let fetched = server.origin.requests() - fetched;
        ensure!(
            fetched * 1000 <= seen.requests,
            "{fetched} of {} requests were no hits",
            seen.requests
        );
        Ok(used.as_secs_f64() * 1e6 / seen.requests as f64)
    }

    /// The same for one object of the host name that every server has.
    fn hits_on_one(&self, server: &Server) -> Result<f64> {
        get(server, HOST, 0)?;
        self.hits(server, &format!("uniform {SIZE} 1 1"))
    }
}

fn get(server: &Server, host: &str, object: u64) -> Result<()> {
    let mut client = Client::connect(server.place.address, host)?;
    check(&mut client, object)
}

fn check(client: &mut Client, object: u64) -> Result<()> {
    let path = format!("/{SIZE}/{object}");
    let answer = client.get(&path, None)?;
    ensure!(
        answer.status == 200 && answer.body == content(&path),
        "{path}: a wrong answer"
    );
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn plain(memory: &'static str, disk: &'static str) -> Setup {
    Setup {
        memory,
        disk,
        distributions: vec![Distribution::new("bench", HOST, None)],
    }
}

fn objects(bench: &Bench) -> Result<Table> {
    let setup = plain("64 MiB", "8 GiB");
    let mut server = bench.host("objects", &setup)?;
    let mut rows = Vec::new();
    let mut filled = 0;
    for count in bench.steps(&[1_000, 10_000, 100_000, 1_000_000]) {
        note(format_args!("objects: {count}"));
        fill(&server, filled, count)?;
        filled = count;
        let one = bench.hits_on_one(&server)?;
        let any = bench.hits(&server, &format!("uniform {SIZE} {count} 1"))?;
        let (memory, disk) = (
            server.memory()?,
            size_of_folder(&server.place.folder.join("store")),
        );
        // What was written a moment ago may be lost: give it the time that it is given by the documentation.
        std::thread::sleep(Duration::from_secs(2));
        server.kill()?;
        drop(server);
        server = bench.host("objects", &setup)?;
        let fetched = server.origin.requests();
        get(&server, HOST, count / 2)?;
        ensure!(
            server.origin.requests() == fetched,
            "an object was lost by the restart"
        );
        rows.push(vec![
            count as f64,
            one,
            any,
            mebibytes(memory),
            mebibytes(disk),
            millis(server.started_in),
        ]);
    }
    Ok(Table {
        title: "Objects of 1 KiB; 64 MiB of memory tier, the rest on disk",
        columns: &[
            "objects",
            "CPU us a hit, one object",
            "CPU us a hit, any object",
            "memory, MiB",
            "disk, MiB",
            "killed, ms to the first answer",
        ],
        rows,
    })
}

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

/// What the files below a folder take on the disk.
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

fn distributions(bench: &Bench) -> Result<Table> {
    let mut rows = Vec::new();
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
        rows.push(vec![
            count as f64,
            one,
            any,
            mebibytes(memory),
            millis(server.started_in),
        ]);
    }
    Ok(Table {
        title: "Distributions",
        columns: &[
            "distributions",
            "CPU us a hit, one of them",
            "CPU us a hit, any of them",
            "memory, MiB",
            "ms from start to the first answer",
        ],
        rows,
    })
}

fn connections(bench: &Bench) -> Result<Table> {
    let mut rows = Vec::new();
    for count in bench.steps(&[10, 100, 1_000, 10_000]) {
        note(format_args!("connections: {count}"));
        let server = bench.host(&format!("connections-{count}"), &plain("256 MiB", "1 GiB"))?;
        bench.hits_on_one(&server)?;
        let before = server.memory()?;
        let mut idle = Vec::new();
        for _ in 0..count {
            let mut client = server
                .client()
                .context("more open files than allowed? see ulimit -n")?;
            check(&mut client, 0)?;
            idle.push(client);
        }
        let memory = server.memory()?;
        let cost = bench.hits_on_one(&server)?;
        let each = memory.saturating_sub(before) as f64 / count as f64 / 1024.0;
        rows.push(vec![count as f64, cost, mebibytes(memory), each]);
        // Idle connections are closed after a while: the figures would be about nothing.
        let last = idle.last_mut().context("there are none")?;
        check(last, 0).context("idle connections were closed while they were measured")?;
    }
    Ok(Table {
        title: "Idle connections, each after one request",
        columns: &[
            "connections",
            "CPU us a hit beside them",
            "memory, MiB",
            "KiB for each",
        ],
        rows,
    })
}

fn plugins(bench: &Bench) -> Result<Table> {
    let mut rows = Vec::new();
    for count in bench.steps(&[0, 1, 10, 50, 200]) {
        note(format_args!("plugins: {count}"));
        let mut setup = plain("256 MiB", "1 GiB");
        for mark in (0..count).map_while(|number| u32::try_from(number).ok()) {
            let plugin = Plugin {
                isolation: "reuse",
                runs: true,
                mark: Some(mark),
            };
            setup.distributions.push(Distribution::new(
                &format!("d{mark}"),
                &format!("d{mark}.test"),
                Some(plugin),
            ));
        }
        let name = format!("plugins-{count}");
        let first = bench.host(&name, &setup)?.started_in;
        let server = bench.host(&name, &setup)?;
        let memory = server.memory()?;
        let without = bench.hits_on_one(&server)?;
        let mut any = f64::NAN;
        if count > 0 {
            for number in 0..count {
                get(&server, &format!("d{number}.test"), 0)?;
            }
            any = bench.hits(&server, &format!("hosts /{SIZE}/0 {count}"))?;
        }
        rows.push(vec![
            count as f64,
            without,
            any,
            mebibytes(memory),
            millis(first),
            millis(server.started_in),
        ]);
    }
    Ok(Table {
        title: "Plugins loaded, each a file and a distribution of its own, instances reused",
        columns: &[
            "plugins",
            "CPU us a hit without plugin",
            "CPU us a hit through any of them",
            "memory, MiB",
            "ms to the first answer, compiling",
            "ms to the first answer, compiled before",
        ],
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_printed_whole_and_figures_shortly() {
        let table = Table {
            title: "T",
            columns: &["n", "us"],
            rows: vec![vec![10_000.0, 12.3456], vec![1.0, 345.6]],
        };
        assert_eq!(
            table.text(),
            "### T\n\n| n | us |\n|---|---|\n| 10000 | 12.3 |\n| 1 | 346 |\n"
        );
    }

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("below")).expect("it is ours");
        std::fs::write(folder.path().join("below/file"), vec![1; 100_000]).expect("it is ours");
        assert!(size_of_folder(folder.path()) >= 100_000);
    }
}
