//! The cost of requests, beside the servers people know: `cargo run --release -p selvedge-bench`. See README.md.

#![forbid(unsafe_code)]

mod busy;
mod client;
mod compare;
mod crowd;
mod growth;
mod load;
mod machine;
mod origin;
mod proc;
mod report;
mod servers;
mod workload;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use compare::Sample;
use origin::Origin;
use servers::selvedge::{BEFORE, has_before};
use servers::{RECIPES, Server};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use workload::{Run, WORKLOADS, Workload};

/// Measures what a request costs, beside the servers people know
#[derive(Parser)]
struct Arguments {
    /// One round, one second each: to see that it works
    #[arg(long)]
    quick: bool,
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Only this workload, or with --growth only this property; may be repeated
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Vec<String>,
    /// Measure how cost grows in place of comparing servers
    #[arg(long, conflicts_with = "rounds")]
    growth: bool,
    /// Write every measurement into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn names() -> Vec<&'static str> {
    let workloads = WORKLOADS.iter().map(|workload| workload.name);
    workloads.chain(growth::names()).collect()
}

/// A line on standard output.
pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
}

/// A line on standard error: how far it is, and what went wrong.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Returns true if the program was asked to end.
pub(crate) fn stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let is_part = |name: &String| growth::names().any(|part| part == name);
    if let Some(name) = arguments
        .only
        .iter()
        .find(|name| is_part(name) != arguments.growth)
    {
        bail!(match arguments.growth {
            true => format!("{name} is a workload and does not go with --growth"),
            false => format!("{name} is a property that grows: add --growth"),
        });
    }
    for (program, package) in [
        ("wrk", "wrk"),
        ("h2load", "nghttp2-client"),
        ("setpriv", "util-linux"),
    ] {
        ensure!(
            load::installed(program),
            "there is no {program}. To have it: apt-get install {package}"
        );
    }
    servers::selvedge::build()?;
    let folder = tempfile::Builder::new()
        .prefix("selvedge-bench-")
        .tempdir()?;
    let script = folder.path().join("requests.lua");
    std::fs::write(&script, include_str!("../scripts/requests.lua"))?;
    let origin = Origin::start()?;
    origin.watch_for_the_end(&STOP);
    say(machine::describe());
    say(format_args!(
        "load average at the beginning: {}",
        machine::load_average()
    ));
    let (figures, fine) = if arguments.growth {
        growth::measure(
            folder.path(),
            &script,
            &origin,
            arguments.quick,
            &arguments.only,
        )?
    } else {
        compare_servers(arguments, folder.path(), &script, &origin)?
    };
    say(format_args!(
        "\nload average at the end: {}",
        machine::load_average()
    ));
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&figures)?;
        std::fs::write(file, text)
            .with_context(|| format!("{} can't be written", file.display()))?;
    }
    Ok(fine && !stopped())
}

fn compare_servers(
    arguments: &Arguments,
    folder: &Path,
    script: &Path,
    origin: &Origin,
) -> Result<(serde_json::Value, bool)> {
    let servers = start_all(folder, origin);
    let before: Vec<u64> = servers
        .iter()
        .map(|server| server.memory().unwrap_or(0))
        .collect();
    let chosen: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| {
            arguments.only.is_empty() || arguments.only.iter().any(|name| name == workload.name)
        })
        .collect();
    let (rounds, seconds) = if arguments.quick {
        (1, 1)
    } else {
        (arguments.rounds, 3)
    };
    let mut samples: Vec<Sample> = Vec::new();
    let mut problems = Vec::new();
    for round in 0..rounds {
        for workload in &chosen {
            note(format_args!(
                "round {} of {rounds}: {}",
                round + 1,
                workload.title
            ));
            let run = Run {
                seconds,
                round,
                script,
                scratch: folder,
            };
            let told = |sample: Result<Sample>| match sample {
                Ok(sample) => samples.push(sample),
                Err(error) => {
                    note(format_args!("  left out: {error:#}"));
                    problems.push(format!("round {}, {error:#}", round + 1));
                }
            };
            compare::round(workload, &servers, run, told, stopped);
        }
    }
    print_tables(&servers, &before, &chosen, &samples, &problems);
    let figures = serde_json::json!({
        "machine": machine::describe(),
        "samples": samples,
        "problems": problems,
    });
    Ok((figures, problems.is_empty()))
}

/// Starts every server that is installed. What can't be started is told and left out.
fn start_all(folder: &Path, origin: &Origin) -> Vec<Server> {
    let mut servers = Vec::new();
    let taking_part = RECIPES
        .iter()
        .filter(|recipe| recipe.name != BEFORE.name || has_before());
    for recipe in taking_part {
        if let Some(missing) = recipe.missing() {
            say(missing);
            continue;
        }
        match recipe.start(folder, origin) {
            Ok(server) => servers.push(server),
            Err(error) => say(format_args!("{} is left out: {error:#}", recipe.name)),
        }
        let version = recipe.version();
        if !version.is_empty() {
            say(format_args!("{}: {version}", recipe.name));
        }
    }
    servers
}

fn print_tables(
    servers: &[Server],
    before: &[u64],
    chosen: &[&Workload],
    samples: &[Sample],
    problems: &[String],
) {
    let order: Vec<&'static str> = servers.iter().map(|server| server.name).collect();
    say(format_args!("\n{}", report::summary(samples, &order)));
    for workload in chosen {
        say(report::details(workload, samples, &order));
    }
    say("| memory, MiB | started | at the end |\n|---|---|---|");
    for (server, before) in servers.iter().zip(before) {
        let after = server.memory().unwrap_or(0);
        say(format_args!(
            "| {} | {} | {} |",
            server.name,
            before >> 20,
            after >> 20
        ));
    }
    for problem in problems {
        say(format_args!("\nleft out: {problem}"));
    }
}
