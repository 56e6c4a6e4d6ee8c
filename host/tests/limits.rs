//! The table of limits in `docs/plugins.md` is true: each limit with its name, its default and its word, in the documentation, in
//! the configuration and in the runtime. What becomes of a plugin that goes beyond one is tested where plugins run.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use selvedge::config;
use selvedge_runtime::{HookError, Limits};
use std::path::Path;

/// The rows of the table: the name, the default, what happens, the word of the failure.
fn rows() -> Vec<Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugins.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, table) = text
        .split_once("| Limit | Default |")
        .expect("there is a table");
    let rows = table.lines().skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

#[test]
fn the_configurations_defaults_are_the_runtimes() {
    let config::Limits {
        cpu,
        wall,
        memory,
        table_elements,
        host_calls,
        passed_bytes,
        output_bytes,
        body_bytes,
        fetches,
        log_lines,
        log_bytes,
    } = config::Limits::default();
    let same = Limits {
        cpu,
        wall,
        memory,
        table_elements,
        host_calls,
        passed_bytes,
        output_bytes,
        body_bytes,
        fetches,
        log_lines,
        log_bytes,
    };
    assert_eq!(same, Limits::default());
}

#[test]
fn every_limit_is_documented_with_its_default_and_word() {
    let limits = Limits::default();
    // A limit that is added has to be added here, and so to the table.
    let Limits {
        cpu,
        wall,
        memory,
        table_elements,
        host_calls,
        passed_bytes,
        output_bytes,
        body_bytes,
        fetches,
        log_lines,
        log_bytes,
    } = limits;
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let kib = |bytes: u64| format!("{} KiB", bytes >> 10);
    let expected = [
        ("cpu", format!("{} ms", cpu.as_millis()), "cpu-limit"),
        ("wall", format!("{} s", wall.as_secs()), "wall-limit"),
        ("memory", mib(memory), "memory-limit"),
        ("table_elements", table_elements.to_string(), "table-limit"),
        ("host_calls", host_calls.to_string(), "host-calls"),
        ("passed_bytes", mib(passed_bytes), "passed-bytes"),
        ("output_bytes", kib(output_bytes), "output-limit"),
        ("body_bytes", mib(body_bytes), "body-limit"),
        ("fetches", fetches.to_string(), "fetches"),
        (
            "log_lines, log_bytes",
            format!("{log_lines}, {}", kib(log_bytes.into())),
            "",
        ),
        ("stack", "512 KiB".to_owned(), "stack-overflow"),
        ("instances in the host", "1000".to_owned(), "no-instance"),
    ];
    let rows = rows();
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, (name, default, word)) in rows.iter().zip(expected) {
        assert_eq!(
            (row[0].as_str(), row[1].as_str(), row[3].as_str()),
            (name, default.as_str(), word)
        );
    }
    let options = selvedge_runtime::Options::default();
    assert_eq!(
        (options.stack_bytes, options.max_instances),
        (512 << 10, 1000)
    );
}

#[test]
fn every_failure_by_a_limit_names_it() {
    let Limits {
        cpu,
        wall,
        memory,
        host_calls,
        passed_bytes,
        output_bytes,
        body_bytes,
        fetches,
        ..
    } = Limits::default();
    let errors = [
        (
            HookError::CpuLimit { limit: cpu },
            "50 ms of CPU time (limits.cpu)",
        ),
        (HookError::WallLimit { limit: wall }, "1 s (limits.wall)"),
        (
            HookError::MemoryLimit { limit: memory },
            "64 MiB of memory (limits.memory)",
        ),
        (
            HookError::HostCalls { limit: host_calls },
            "10000 calls to the host (limits.host_calls)",
        ),
        (
            HookError::PassedBytes {
                limit: passed_bytes,
            },
            "1 MiB to the host (limits.passed_bytes)",
        ),
        (
            HookError::OutputLimit {
                limit: output_bytes,
            },
            "64 KiB (limits.output_bytes)",
        ),
        (
            HookError::BodyLimit { limit: body_bytes },
            "1 MiB of content at once (limits.body_bytes)",
        ),
        (
            HookError::Fetches { limit: fetches },
            "16 requests to backends (limits.fetches)",
        ),
        (HookError::StackOverflow, "ran out of stack"),
        (HookError::NoInstance { limit: 1000 }, "all 1000 are in use"),
    ];
    let rows = rows();
    for (error, said) in errors {
        assert!(error.to_string().contains(said), "{error}");
        let word = error.as_str();
        assert!(
            rows.iter().any(|row| row[3] == word),
            "{word} is not in the table"
        );
    }
}
