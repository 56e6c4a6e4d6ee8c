//! Each limit of a plugin by its name in the configuration: what becomes of a plugin that wants more, and that it is the same
//! under `run`, `dev` and `plugin test`. What each default is, and tables, are tested beside the runtime.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A limit, as it is set here, the word of the failure, and what the log says of it.
const LIMITS: [(&str, &str, &str, &str); 9] = [
    (
        "cpu",
        "\"30 ms\"",
        "cpu-limit",
        "more than its 30 ms of CPU time (limits.cpu)",
    ),
    (
        "wall",
        "\"3 s\"",
        "wall-limit",
        "longer than its 3 s (limits.wall)",
    ),
    (
        "memory",
        "\"8 MiB\"",
        "memory-limit",
        "more than its 8 MiB of memory (limits.memory)",
    ),
    (
        "host_calls",
        "500",
        "host-calls",
        "more than its 500 calls to the host (limits.host_calls)",
    ),
    (
        "passed_bytes",
        "\"64 KiB\"",
        "passed-bytes",
        "more than its 64 KiB to the host (limits.passed_bytes)",
    ),
    (
        "output_bytes",
        "\"16 KiB\"",
        "output-limit",
        "has more than 16 KiB (limits.output_bytes)",
    ),
    (
        "body_bytes",
        "\"32 KiB\"",
        "body-limit",
        "more than 32 KiB of content at once (limits.body_bytes)",
    ),
    (
        "fetches",
        "4",
        "fetches",
        "more than its 4 requests to backends (limits.fetches)",
    ),
    // Not configurable.
    ("stack", "", "stack-overflow", "ran out of stack"),
];

/// The limits of the log, which end no call.
const LOG: [(&str, &str); 2] = [("log_lines", "5"), ("log_bytes", "\"4 KiB\"")];

const DROPPED: &str = "further log lines dropped (limits.log_lines, limits.log_bytes)";

/// The answer of `limits` about all of them.
fn lines(separator: &str) -> String {
    let set = LIMITS.iter().map(|(name, value, ..)| (*name, *value));
    let lines = set.chain(LOG).filter(|(_, value)| !value.is_empty());
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    lines.join(separator)
}

/// A plugin that takes what the path names, and that is asked however often it fails.
fn greedy(origin: &Origin, lines: &str) -> EdgeBuilder {
    let calls = "short_circuit = { failures = 64, calls = 64 }";
    let backend = "[plugins.fetch.unused]\nurl = \"https://backend.example\"";
    let lines = format!("{calls}\n{lines}\n{backend}");
    Edge::in_front_of(origin).plugin("greedy", &guest("greedy"), &lines)
}

/// Goes beyond each limit; `logged` waits for a text in the log.
fn exceed_all(get: impl Fn(&str) -> Ask, logged: impl Fn(&str) -> String) {
    get("/").expect(200).body("enough");
    for (name, _, word, said) in LIMITS {
        get(&format!("/{name}")).expect(500).x_cache("Error");
        let line = logged(said);
        assert!(line.contains("greedy") && line.contains(word), "{line}");
    }
    for (name, _) in LOG {
        get(&format!("/{name}")).expect(200).body("enough");
        let line = logged(DROPPED);
        assert!(line.contains("greedy"), "{line}");
    }
    get("/").expect(200).body("enough");
}

#[test]
fn a_plugins_limits_hold_under_run() {
    let origin = Origin::start();
    let edge = greedy(&origin, &format!("limits = {{ {} }}", lines(", "))).start();
    exceed_all(
        |path| edge.get(path),
        |text| edge.wait_for_log(text).to_string(),
    );
    for (_, _, word, _) in LIMITS {
        let labels = format!("hook=\"viewer-request\",outcome=\"{word}\"");
        let counted = edge.metric_sum("selvedge_hook_calls_total", &labels);
        assert_eq!(counted, 1.0, "{word}");
    }
}

#[test]
fn the_servers_limits_are_those_of_every_plugin() {
    let origin = Origin::start();
    let edge = greedy(&origin, "")
        .server_tables(&format!("[limits]\n{}", lines("\n")))
        .start();
    exceed_all(
        |path| edge.get(path),
        |text| edge.wait_for_log(text).to_string(),
    );
}

#[test]
fn the_same_limits_hold_under_dev() {
    let origin = Origin::start();
    let dir = greedy(&origin, &format!("limits = {{ {} }}", lines(", "))).write();
    let mut dev = Background::start(dir.path(), [Path::new("dev"), dir.path()]);
    let address = dev.wait_for("address", |line| {
        line.strip_prefix("listening http://")?.trim().parse().ok()
    });
    exceed_all(
        |path| Ask::new(address, "GET", path),
        |text| dev.wait_for_line(text),
    );
    assert_eq!(dev.interrupt().code, Some(0));
}

/// A scenario with a step for each limit, which expects its word and what the log says of it.
fn scenario() -> String {
    let mut text = format!(
        "[plugin]\nshort_circuit = {{ failures = 64, calls = 64 }}\nlimits = {{ {} }}\n\
         [[backends]]\nname = \"unused\"\n[[steps]]\nget = \"/\"\n[steps.expect]\nbody = \"enough\"\n",
        lines(", ")
    );
    for (name, _, word, said) in LIMITS {
        text += &format!(
            "[[steps]]\nget = \"/{name}\"\n\
             [steps.expect]\nstatus = 500\nplugin_error = \"{word}\"\nlog = \"{said}\"\n"
        );
    }
    for (name, _) in LOG {
        text += &format!(
            "[[steps]]\nget = \"/{name}\"\n\
             [steps.expect]\nstatus = 200\nbody = \"enough\"\nlog = \"{DROPPED}\"\n"
        );
    }
    text
}

/// One failure is enough to be left alone, for the pause that is the default. No line of the log is behind the second one.
const PAUSED: &str = "\
[plugin]
limits = { host_calls = 500 }
short_circuit = { failures = 1, calls = 1 }

[[steps]]
get = \"/host_calls\"
[steps.expect]
plugin_error = \"host-calls\"

[[steps]]
get = \"/\"
[steps.expect]
status = 503
plugin_error = \"short-circuited\"
";

#[test]
fn the_same_limits_hold_under_plugin_test() {
    let dir = tempfile::TempDir::with_prefix("selvedge-limits-").expect("a temporary folder");
    let put = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).expect("the folder is ours");
    };
    let greedy = guest("greedy");
    put(
        "build.sh",
        &format!("#!/bin/sh\ncp '{}' greedy.wasm\n", greedy.display()),
    );
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.path().join("build.sh"), executable).expect("it is ours");
    fs::create_dir(dir.path().join("scenarios")).expect("the folder is ours");
    put("scenarios/limits.toml", &scenario());
    put("scenarios/paused.toml", PAUSED);
    run_in(dir.path(), ["plugin", "test"])
        .code(0)
        .prints("ok  limits  12 steps")
        .prints("ok  paused  2 steps")
        .prints("2 passed, 0 failed");
}
