//! How the host's cost grows with connections that have nothing to do.

use super::{Bench, Part, Rows, check, mebibytes, plain};
use crate::note;
use anyhow::{Context, Result};

pub(super) const CONNECTIONS: Part = Part {
    name: "connections",
    title: "Idle connections, each after one request",
    columns: &[
        "connections",
        "CPU us a hit beside them",
        "memory, MiB",
        "KiB for each",
    ],
    measure,
};

fn measure(bench: &Bench, rows: &mut Rows) -> Result<()> {
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
    Ok(())
}
