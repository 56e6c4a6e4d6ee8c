//! The rounds: every workload on every server, one after another, several times over.

use crate::load::Seen;
use crate::servers::HOST;
use crate::servers::Server;
use crate::servers::selvedge::{REMEMBERED, REUSED};
use crate::workload::{Kind, Run, Target, Workload};
use crate::{busy, crowd};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::time::Duration;

/// One run of one workload on one server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) workload: &'static str,
    pub(crate) row: &'static str,
    pub(crate) round: u32,
    pub(crate) requests: u64,
    /// Processor time of the server for each request, in microseconds.
    pub(crate) cpu: f64,
    pub(crate) per_second: f64,
    /// In microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How often the origin was asked.
    pub(crate) fetched: u64,
    /// Connections that broke, or waited for more than two seconds.
    pub(crate) broken: u64,
    /// The objects that a second load brought in meanwhile.
    pub(crate) filled: Option<Filled>,
}

/// The objects that a second load brought in.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Filled {
    /// Bytes a second.
    pub(crate) rate: f64,
    /// Of 16 of its objects, how many were hits afterwards.
    pub(crate) stored: u64,
}

/// A line of a workload's table.
struct Row<'a> {
    name: &'static str,
    target: Target<'a>,
    /// The size of the objects that a second load brings in.
    fills: Option<u64>,
}

/// The rows of a workload. HAProxy stores whole objects and answers no range from them; the host speaks no HTTP/2 yet; the
/// floor knows no ranges, no HTTP/2 and no origin.
fn rows<'a>(workload: &Workload, servers: &'a [Server]) -> Vec<Row<'a>> {
    let row = |name: &str, shown: &'static str, host: &'static str| {
        let server = servers.iter().find(|server| server.name == name)?;
        Some(Row {
            name: shown,
            target: Target { server, host },
            fills: None,
        })
    };
    if let Kind::Busy(size) = workload.kind {
        // A server's two rows are one after the other, so that the same disturbs both.
        let pair = |(name, filling): &(&'static str, &'static str)| {
            let alone = row(name, name, HOST)?;
            let beside = row(name, filling, HOST)?;
            let fills = Some(size);
            Some([alone, Row { fills, ..beside }])
        };
        return busy::ROWS.iter().filter_map(pair).flatten().collect();
    }
    if let Kind::Plugin(_) = workload.kind {
        let rows = [
            row("floor", "floor", HOST),
            row("selvedge", "selvedge, no plugin", HOST),
            row("selvedge", "selvedge, plugin runs, instance reused", REUSED),
            row("selvedge", "selvedge, decision remembered", REMEMBERED),
            row("selvedge before", "selvedge before, no plugin", HOST),
            row(
                "selvedge before",
                "selvedge before, plugin runs, instance reused",
                REUSED,
            ),
            row(
                "selvedge before",
                "selvedge before, decision remembered",
                REMEMBERED,
            ),
            row("nginx", "nginx", HOST),
            row("nginx+Lua", "nginx+Lua", HOST),
        ];
        return rows.into_iter().flatten().collect();
    }
    let takes_part = |server: &&Server| match workload.kind {
        Kind::Range(_) => !matches!(server.name, "floor" | "HAProxy"),
        Kind::H2(_) => !matches!(server.name, "floor" | "selvedge" | "selvedge before"),
        Kind::Miss(_) | Kind::Crowd(_) => server.name != "floor",
        _ => true,
    };
    let all = servers.iter().filter(takes_part);
    all.map(|server| Row {
        name: server.name,
        target: Target { server, host: HOST },
        fills: None,
    })
    .collect()
}

/// Runs a workload on all servers once. What goes wrong with one is told and left out.
pub(crate) fn round(
    workload: &Workload,
    servers: &[Server],
    run: Run,
    mut told: impl FnMut(Result<Sample>),
    stop: impl Fn() -> bool,
) {
    let mut rows = rows(workload, servers);
    if !rows.is_empty() {
        // Nobody is always first, or always after the same neighbour of the table's end.
        let first = run.round as usize % rows.len();
        rows.rotate_left(first);
    }
    for row in rows {
        if stop() {
            return;
        }
        let sample = one(workload, &row, run);
        told(sample.with_context(|| format!("{}: {}", workload.name, row.name)));
    }
}

fn one(workload: &Workload, row: &Row, run: Run) -> Result<Sample> {
    let target = row.target;
    workload.warm(target)?;
    let fetched = target.server.origin.requests();
    let used = target.server.processor_time()?;
    let mut filled = None;
    let seen = match (workload.kind, row.fills) {
        (Kind::Crowd(viewers), _) => gather(target, viewers, run)?,
        (_, Some(size)) => {
            let beside = busy::hits(workload, target, run, size)?;
            filled = Some(Filled {
                rate: beside.filled,
                stored: beside.stored,
            });
            beside.seen
        }
        _ => workload.load(target, run)?,
    };
    let used = target.server.processor_time()?.saturating_sub(used);
    let fetched = target.server.origin.requests() - fetched;
    ensure!(seen.requests > 0, "not one answer");
    let is_judged = matches!(workload.kind, Kind::Crowd(_)) || filled.is_some();
    if !is_judged && !target.is_floor() {
        workload.judge(target, run, &seen, fetched)?;
    }
    let requests = seen.requests as f64;
    Ok(Sample {
        workload: workload.name,
        row: row.name,
        round: run.round,
        requests: seen.requests,
        cpu: micros(used) / requests,
        per_second: requests / seen.lasted.as_secs_f64(),
        p50: micros(seen.p50),
        p99: micros(seen.p99),
        fetched,
        broken: seen.broken,
        filled,
    })
}

/// The time until all have it stands where others have their percentiles.
fn gather(target: Target, viewers: usize, run: Run) -> Result<Seen> {
    let path = format!("/4096/slow-{}", run.round);
    let lasted = crowd::gather(target.server.place.address, target.host, viewers, &path)?;
    Ok(Seen {
        requests: viewers as u64,
        lasted,
        p50: lasted,
        p99: lasted,
        broken: 0,
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
