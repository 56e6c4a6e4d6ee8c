//! `selvedge plugin check` and `selvedge plugin inspect`.

use selvedge_tests::guests::{file, guest};
use selvedge_tests::*;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn inspect_says_where_a_configuration_names_backends_and_secrets() {
    let acts = guest("acts");
    run(["plugin".as_ref(), "inspect".as_ref(), acts.as_os_str()])
        .code(0)
        .prints(
            "fetch finds what [plugins.fetch.NAME] of its configuration names, and nothing else",
        )
        .prints("secrets finds what [plugins.secrets] of its configuration names, and nothing else")
        .prints("init       yes");
}

#[test]
fn inspect_refuses_what_no_host_would_load() {
    let (_dir, text) = file("notes.wasm", b"just notes");
    let (_dir2, module) = file("plain.wasm", b"\0asm\x01\0\0\0");
    let inspect = |path: &Path| run(["plugin".as_ref(), "inspect".as_ref(), path.as_os_str()]);
    inspect(&text).code(2).reports("is no WebAssembly");
    inspect(&module).code(2).reports("without a component type");
    inspect(Path::new("/nowhere/x.wasm"))
        .code(2)
        .reports("there is no plugin file");
}

/// `selvedge plugin check` in a folder with these files.
#[track_caller]
fn checks(files: &[(&str, &str)], arguments: &[&str]) -> Run {
    let dir = tempfile::TempDir::with_prefix("selvedge-check-").expect("a temporary folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        let folder = path.parent().expect("it lies in the folder");
        fs::create_dir_all(folder).expect("the folder is ours");
        fs::write(&path, text).expect("the folder is ours");
    }
    fs::copy(guest("acts"), dir.path().join("acts.wasm")).expect("the folder is ours");
    run_in(dir.path(), ["plugin", "check"].iter().chain(arguments))
}

#[test]
fn a_plugin_that_a_host_would_load_is_checked_with_its_entry() {
    let entry =
        "hooks = [\"ttl\", \"cache-key\"]\nlimits = { cpu = \"5 ms\" }\n[config]\nkey = \"X-A\"\n";
    checks(
        &[("entry.toml", entry)],
        &["acts.wasm", "--entry", "entry.toml"],
    )
    .code(0)
    .prints("acts.wasm\n")
    .prints("hooks    cache-key, ttl\n")
    .prints("imports  types, config, log, kv, fetch, cache, metrics, secrets\n")
    .prints("init     takes its configuration\n")
    .prints("no errors\n");
    let bare = checks(&[], &["acts.wasm"]).code(0);
    bare.prints("init     does without a configuration");
}

#[test]
fn what_init_says_of_a_configuration_is_shown_at_its_place() {
    let entry = "[config]\nrefuse = \"page_seconds must be at most 3600\"\n";
    let refused = checks(
        &[("entry.toml", entry)],
        &["acts.wasm", "--entry", "entry.toml"],
    );
    assert_eq!(refused.stdout, "");
    refused
        .code(2)
        .reports("acts.wasm refuses its configuration: page_seconds must be at most 3600")
        .reports("entry.toml:1:");
}

#[test]
fn an_entry_that_is_wrong_is_said_before_anything_runs() {
    let files = [
        ("keys.toml", "[confg]\nkey = \"X-A\"\n"),
        (
            "secret.toml",
            "[secrets]\ntoken = { file = \"none.txt\" }\n",
        ),
        ("hook.toml", "hooks = [\"origin-selection\", \"tll\"]\n"),
    ];
    let check = |entry: &str| checks(&files, &["acts.wasm", "--entry", entry]).code(2);
    check("keys.toml").reports("`confg`").reports("`config`");
    check("secret.toml").reports("the secret `token` can't be read");
    check("hook.toml").reports("hook.toml:1:").reports("tll");
    check("none.toml").reports("this file cannot be read");
}

#[test]
fn the_entry_may_be_that_of_a_distribution() {
    let site = |refuse: &str| {
        format!(
            "id = \"shop\"\n[[origins]]\nid = \"main\"\ndomain = \"a.test\"\n\
             [default_behavior]\norigin = \"main\"\nplugins = [\"one\", \"two\"]\n\
             [[plugins]]\nname = \"one\"\nfile = \"../acts.wasm\"\n\
             [[plugins]]\nname = \"two\"\nfile = \"../acts.wasm\"\n\
             [plugins.config]\n{refuse}\n"
        )
    };
    let server = "listen = [\"127.0.0.1:0\"]\n[store]\npath = \"store\"\n";
    let check = |site: &str, arguments: &[&str]| {
        let files = [("selvedge.toml", server), ("distributions/shop.toml", site)];
        checks(&files, &[&["--distribution"], arguments].concat())
    };
    let good = site("key = \"X-A\"");
    check(&good, &["shop", "--name", "two"])
        .code(0)
        .prints("acts.wasm")
        .prints("init     takes its configuration");
    check(&good, &["shop"])
        .code(2)
        .reports("choose one with --name: one, two");
    check(&good, &["shop", "--name", "three"])
        .code(2)
        .reports("no plugin `three`; there is: one, two");
    check(&good, &["show", "--name", "two"])
        .code(2)
        .reports("no distribution `show`; there is: shop");
    let refusing = site("refuse = \"not so\"");
    check(&refusing, &["shop", "--name", "one"]).code(0);
    check(&refusing, &["shop", "--name", "two"])
        .code(2)
        .reports("plugin 'two'")
        .reports("refuses its configuration: not so")
        .reports("shop.toml:14:");
    // Another build of the plugin, under the entry of the one that is deployed.
    check(&refusing, &["shop", "--name", "two", "no.wasm"])
        .code(2)
        .reports("there is no plugin file no.wasm");
}

#[test]
fn check_refuses_a_plugin_that_holds_its_handles_and_warns_of_one_that_fails() {
    let check = |does: &str| {
        let entry = format!("[config]\norigin-request = \"{does}\"\n");
        checks(
            &[("entry.toml", &entry)],
            &["acts.wasm", "--entry", "entry.toml"],
        )
    };
    check("hold")
        .code(2)
        .reports("its hook `origin-request` fails")
        .reports("a handle of its request or response")
        .reports("Handles are borrowed");
    check("panic")
        .code(0)
        .reports("warning")
        .reports("as it was told");
    // An error is an answer.
    let answers = check("fail").code(0);
    assert_eq!(answers.stderr, "");
}

#[test]
fn a_plugin_is_compiled_for_the_first_check_only() {
    let dir = tempfile::TempDir::with_prefix("selvedge-check-").expect("a temporary folder");
    let check = || {
        let mut command = Command::new(selvedge());
        command.args(["plugin", "check"]).arg(guest("acts"));
        let output = command.env("XDG_CACHE_HOME", dir.path()).output();
        assert!(output.expect("it starts").status.success());
        let kept = fs::read_dir(dir.path().join("selvedge/compiled")).expect("it is made");
        let kept = kept.map(|file| {
            let file = file.expect("it can be read");
            let written = file.metadata().and_then(|metadata| metadata.modified());
            (file.path(), written.expect("a time"))
        });
        kept.collect::<Vec<_>>()
    };
    let first = check();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(check(), first);
}

#[test]
fn check_builds_a_project_and_ends_with_1_where_it_does_not_build() {
    let project = Project::acting();
    let check = || run_in(project.path(), ["plugin", "check"]);
    check().code(0).prints("acts.wasm").prints("no errors");
    fs::write(project.path().join("build.sh"), "#!/bin/sh\nexit 3\n").expect("it is ours");
    check().code(1).reports("exit status: 3");
}

#[test]
fn check_refuses_what_no_host_would_load() {
    let (_dir, text) = file("notes.wasm", b"just notes");
    let check = |path: &Path| run(["plugin".as_ref(), "check".as_ref(), path.as_os_str()]);
    check(&text).code(2).reports("is no WebAssembly");
    check(Path::new("/nowhere/x.wasm"))
        .code(2)
        .reports("there is no plugin file");
}

#[test]
fn what_init_does_is_under_the_limits_of_a_host() {
    let check = |does: &str| {
        let entry = format!("limits = {{ cpu = \"20 ms\" }}\n[config]\ninit = \"{does}\"\n");
        checks(
            &[("entry.toml", &entry)],
            &["acts.wasm", "--entry", "entry.toml"],
        )
        .code(2)
    };
    check("spin").reports("20 ms");
    check("panic").reports("the moon is wrong");
}
