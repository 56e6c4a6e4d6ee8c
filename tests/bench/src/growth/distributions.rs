//! How the host's cost grows with its distributions.

use super::{Bench, Part, Rows, SIZE, get, mebibytes, millis, plain};
use crate::note;
use crate::servers::selvedge::Distribution;
use anyhow::Result;

pub(super) const DISTRIBUTIONS: Part = Part {
    name: "distributions",
    title: "Distributions",
    columns: &[
        "distributions",
        "CPU us a hit, one of them",
        "CPU us a hit, any of them",
        "memory, MiB",
        "ms from start to the first answer",
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
        rows.push(vec![
            count as f64,
            one,
            any,
            mebibytes(memory),
            millis(server.started_in),
        ]);
    }
    Ok(())
}
