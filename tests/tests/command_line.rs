//! The command line: exit codes and what they come with.

use selvedge_tests::*;

#[test]
fn check_accepts_a_good_configuration() {
    let origin = Origin::start();
    Edge::in_front_of(&origin).check().code(0);
}

#[test]
fn check_refuses_a_bad_one_with_the_place_and_2() {
    let origin = Origin::start();
    let run = Edge::in_front_of(&origin)
        .behavior("no_such_key = 1")
        .check()
        .code(2);
    run.reports("main.toml:")
        .reports("no_such_key")
        .reports("^");
}

#[test]
fn check_reports_all_problems_at_once() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("connection_attempts = 9")
        .behavior("no_such_key = 1");
    let other = Distribution::new("other", origin.address()).alias("not a host");
    edge.and(other)
        .check()
        .code(2)
        .reports("connection_attempts")
        .reports("no_such_key")
        .reports("not a host");
}

#[test]
fn run_refuses_a_bad_configuration_too() {
    let origin = Origin::start();
    Edge::in_front_of(&origin)
        .behavior("no_such_key = 1")
        .run_in_vain()
        .code(2)
        .reports("no_such_key");
}

#[test]
fn a_missing_configuration_is_named() {
    run(["check", "--config", "/nowhere/selvedge.toml"])
        .code(2)
        .reports("/nowhere/selvedge.toml");
}

#[test]
fn a_taken_port_is_named() {
    let (origin, taken) = (
        Origin::start(),
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"),
    );
    let address = taken.local_addr().expect("it has an address").to_string();
    let dir = Edge::in_front_of(&origin).write();
    let file = dir.path().join("selvedge.toml");
    let text = std::fs::read_to_string(&file).expect("it is written");
    let text = text.replacen("127.0.0.1:0", &address, 1);
    std::fs::write(&file, text).expect("the folder is ours");
    let run = run(["run".as_ref(), "--config".as_ref(), file.as_os_str()]);
    assert!(run.exit.code.is_some_and(|code| code > 0), "{run:#?}");
    run.reports(&address);
}

#[test]
fn help_teaches_every_command() {
    let run = run(["--help"]).code(0);
    run.prints("run")
        .prints("check")
        .prints("distributions")
        .prints("dev")
        .prints("plugin");
}

#[test]
fn an_unknown_command_is_refused() {
    run(["fly"]).code(2).reports("fly");
}

#[test]
fn the_clock_stands_still_only_when_asked_for() {
    run(["run", "--help"]).code(0).prints("--test-clock");
}
