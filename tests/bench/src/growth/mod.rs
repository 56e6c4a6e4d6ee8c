//! How the host's cost grows with what it holds: objects, distributions, idle connections, plugins.

mod connections;
mod distributions;
mod objects;
mod plugins;

use crate::client::Client;
use crate::load::{self, Aim};
use crate::origin::{Origin, content};
use crate::report::short;
use crate::servers::selvedge::{Distribution, SELVEDGE, Setup};
use crate::servers::{HOST, Server};
use crate::{say, stopped};
use anyhow::{Result, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The size of every object.
const SIZE: u64 = 1024;

/// The lines of a table.
type Rows = Vec<Vec<f64>>;

/// One property that grows.
struct Part {
    /// The word for `--only`.
    name: &'static str,
    title: &'static str,
    columns: &'static [&'static str],
    /// Measures; the rows that are there when it fails are right.
    measure: fn(&Bench, &mut Rows) -> Result<()>,
}

const PARTS: &[Part] = &[
    distributions::DISTRIBUTIONS,
    connections::CONNECTIONS,
    plugins::PLUGINS,
    objects::OBJECTS,
];

/// The growth of the other properties with it.
#[derive(Serialize)]
struct Table {
    title: &'static str,
    columns: &'static [&'static str],
    rows: Rows,
}

/// The result of a load of hits.
struct Hits {
    /// Processor microseconds of the host for each request, those that were no hits included.
    cpu: f64,
    /// The part of the requests that reached the origin, from 0 to 1.
    missed: f64,
}

/// The part of the requests that may reach the origin where nothing else is said.
const MAY_MISS: f64 = 0.001;

/// The parts that every measurement works with.
struct Bench<'a> {
    folder: &'a Path,
    script: &'a Path,
    origin: &'a Origin,
    seconds: u32,
    /// How many steps of each are taken.
    steps: usize,
}

/// The words for `--only`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|part| part.name)
}

/// Measures and prints all parts, or those that are named.
pub(crate) fn measure(
    folder: &Path,
    script: &Path,
    origin: &Origin,
    quick: bool,
    only: &[String],
) -> Result<(serde_json::Value, bool)> {
    let (seconds, steps) = if quick { (1, 2) } else { (3, usize::MAX) };
    let bench = Bench {
        folder,
        script,
        origin,
        seconds,
        steps,
    };
    let is_wanted = |part: &&Part| only.is_empty() || only.iter().any(|name| name == part.name);
    let mut tables = Vec::new();
    let mut fine = true;
    for part in PARTS.iter().filter(is_wanted) {
        let mut rows = Vec::new();
        let measured = (part.measure)(&bench, &mut rows);
        let table = Table {
            title: part.title,
            columns: part.columns,
            rows,
        };
        say(format_args!("\n{}", table.text()));
        tables.push(table);
        if let Err(error) = measured {
            say(format_args!("left out, with the rows after it: {error:#}"));
            fine = false;
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

    /// Puts on the load that this script makes, and counts what of it reaches the origin.
    fn load(&self, server: &Server, script: &str) -> Result<Hits> {
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
        let requests = seen.requests as f64;
        Ok(Hits {
            cpu: used.as_secs_f64() * 1e6 / requests,
            missed: fetched as f64 / requests,
        })
    }

    /// Processor microseconds of the host for each of the requests that this script makes; all have to be hits.
    fn hits(&self, server: &Server, script: &str) -> Result<f64> {
        let hits = self.load(server, script)?;
        ensure!(
            hits.missed <= MAY_MISS,
            "{:.2}% of the requests were no hits",
            hits.missed * 100.0
        );
        Ok(hits.cpu)
    }

    /// Measures hits of one object under the host name that every server has.
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
}
