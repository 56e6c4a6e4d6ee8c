//! `selvedge plugin test` on projects: which scenarios are found, and when nothing runs.

use selvedge_tests::*;
use std::fs;
use std::path::Path;

#[test]
fn files_that_cannot_be_read_are_refused_before_anything_runs() {
    let text = "abuot = \"x\"\n[plugin]\nfile = \"x.wasm\"\non_eror = \"fail\"\n[plugin.fetch.auth]\nurl = \"https://a.test\"\n\
                [[origins]]\nid = \"main\"\n[[origins.answers]]\nstatsu = 200\n[[origins.answers]]\nbody_file = \"gone\"\n\
                [[steps]]\n[[steps]]\nget = \"page\"\n[[steps]]\nget = \"/\"\n[steps.expect]\norigin = \"mian\"\nplugin_error = \"traps\"\n";
    let project = Project::of("three-hooks")
        .scenario("good", "[[steps]]\nget = \"/\"\n")
        .scenario("typos", text)
        .scenario("syntax", "steps = [\n");
    let run = project.test().code(2);
    for part in [
        "typos.toml:1:1",
        "did you mean `about`?",
        "no key `file`",
        "did you mean `on_error`?",
        "the backend `auth` has no script",
        "did you mean `status`?",
        "gone can't be read",
        "this step does nothing",
        "`page` can't be asked for",
        "no origin of the scenario is called `mian`",
        "did you mean \"trap\"?",
        "not valid TOML",
        "syntax.toml:",
    ] {
        assert!(run.stderr.contains(part), "no {part:?} in\n{}", run.stderr);
    }
    assert_eq!(run.stdout, "", "nothing was played");
}

#[test]
fn a_project_without_scenarios_is_told_how_to_write_one() {
    let project = Project::of("three-hooks");
    project
        .test()
        .code(2)
        .reports("there is no scenario in")
        .reports("[[steps]]");
    fs::remove_dir(project.path().join("scenarios")).expect("the folder is ours");
    project
        .test()
        .code(2)
        .reports("there is no folder")
        .reports("scenarios/first.toml");
}

#[test]
fn one_scenario_can_be_played_alone() {
    let project = Project::of("three-hooks")
        .scenario("one", "[[steps]]\nget = \"/\"\n")
        .scenario(
            "two",
            "[[steps]]\nget = \"/\"\n[steps.expect]\nstatus = 201\n",
        );
    let only = |name: &str| {
        let folder = project.path().as_os_str();
        run([
            "plugin".as_ref(),
            "test".as_ref(),
            folder,
            "--only".as_ref(),
            name.as_ref(),
        ])
    };
    only("one").code(0).prints("1 passed, 0 failed");
    only("two").code(1).prints("0 passed, 1 failed");
    only("three").code(2).reports("there is: one, two");
}

#[test]
fn a_project_that_does_not_build_ends_with_1() {
    let project = Project::of("three-hooks").scenario("one", "[[steps]]\nget = \"/\"\n");
    fs::write(project.path().join("build.sh"), "#!/bin/sh\nexit 3\n").expect("it is ours");
    project.test().code(1).reports("exit status: 3");
}

#[test]
fn the_scenarios_of_the_example_hold() {
    let plugin = workspace().join("examples/quickstart/plugin");
    let run = run_in(&plugin, ["plugin", "test"]).code(0);
    run.prints("ok  devices").prints("ok  canary");
    let built = plugin.join("quickstart-plugin.wasm");
    inspects(&built);
}

/// Reports about the quickstart's plugin, for people and for programs.
#[track_caller]
fn inspects(built: &Path) {
    let inspect = |more: &[&str]| {
        let words = ["plugin", "inspect"].map(std::ffi::OsStr::new);
        let more = more.iter().map(std::ffi::OsStr::new);
        run(words.into_iter().chain([built.as_os_str()]).chain(more))
    };
    inspect(&[])
        .code(0)
        .prints("a module with the component type inside")
        .prints("selvedge:edge@0.1.0")
        .prints("cache-key, origin-selection, ttl")
        .prints("rustc")
        .prints("memory 64 MiB");
    let json = inspect(&["--json"]).code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        json["hooks"],
        serde_json::json!(["cache-key", "origin-selection", "ttl"])
    );
    assert_eq!(json["init"], false);
    let bytes = fs::metadata(built).expect("it is built").len();
    assert_eq!(json["bytes"], bytes);
    let initial = json["memories"][0]["initial_bytes"].as_u64();
    assert!(initial.is_some_and(|bytes| bytes >= 64 << 10), "{json}");
    assert_eq!(json["default_limits"]["cpu"], "50 ms");
}
