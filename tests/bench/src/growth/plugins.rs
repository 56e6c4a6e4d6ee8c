//! How the host's cost grows with the plugins that it has loaded.

use super::{Bench, Part, Rows, SIZE, get, mebibytes, millis, plain};
use crate::note;
use crate::servers::selvedge::{Distribution, Plugin};
use anyhow::Result;

pub(super) const PLUGINS: Part = Part {
    name: "plugins",
    title: "Plugins loaded, each a file and a distribution of its own, instances reused",
    columns: &[
        "plugins",
        "CPU us a hit without plugin",
        "CPU us a hit through any of them",
        "memory, MiB",
        "ms to the first answer, compiling",
        "CPU ms for each of them",
        "ms to the first answer, compiled before",
    ],
    measure,
};

fn measure(bench: &Bench, rows: &mut Rows) -> Result<()> {
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
        let first = bench.host(&name, &setup)?;
        // The compilers are the host's children, and it has waited for them.
        let used = match count {
            0 => f64::NAN,
            _ => millis(first.processor_time()?) / count as f64,
        };
        let compiling = first.started_in;
        drop(first);
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
            millis(compiling),
            used,
            millis(server.started_in),
        ]);
    }
    Ok(())
}
