//! `selvedge plugin test`, `selvedge plugin check` and `selvedge plugin inspect`: scenarios that hold, scenarios that don't, and files that can't be
//! read. The projects are built by a script that copies a guest, so that nothing is compiled here.

use selvedge_tests::guests::{file, guest};
use selvedge_tests::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A plugin project whose plugin is this guest.
struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn of(name: &str) -> Project {
        let dir = tempfile::TempDir::with_prefix("selvedge-project-").expect("a temporary folder");
        let script = dir.path().join("build.sh");
        let text = format!("#!/bin/sh\ncp '{}' {name}.wasm\n", guest(name).display());
        fs::write(&script, text).expect("the folder is ours");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::create_dir(dir.path().join("scenarios")).expect("the folder is ours");
        Project { dir }
    }

    /// The guest that does what its configuration says, with what it needs to load.
    fn acting() -> Project {
        Project::of("acts")
    }

    fn put(self, name: &str, text: &str) -> Project {
        fs::write(self.dir.path().join("scenarios").join(name), text).expect("the folder is ours");
        self
    }

    fn scenario(self, name: &str, text: &str) -> Project {
        self.put(&format!("{name}.toml"), text)
    }

    #[track_caller]
    fn test(&self) -> Run {
        run_in(self.dir.path(), ["plugin", "test"])
    }
}

/// A scenario of `acts`: what its hooks do, a backend, and the rest.
fn acts(config: &str, rest: &str) -> String {
    format!(
        "[plugin.config]\n{config}\n\n[[backends]]\nname = \"api\"\n\
         [[backends.answers]]\npath = \"/a\"\nbody = \"one\"\n\n{rest}"
    )
}

/// A scenario of `acts` with one step.
fn one_step(config: &str, expect: &str) -> String {
    acts(
        config,
        &format!(
            "[[steps]]\nget = \"/page?id=1\"\nfields = {{ X-From = \"viewer\" }}\n[steps.expect]\n{expect}\n"
        ),
    )
}

#[test]
fn scenarios_that_hold_are_listed_and_end_with_0() {
    let devices = r#"
about = "two device classes, and html for ten seconds"

[plugin.config]
html_seconds = 10

[behavior]
forward = { headers = ["User-Agent"] }

[[origins]]
id = "main"
[[origins.answers]]
path = "/page*"
when_fields = { User-Agent = "Mobile" }
fields = { Content-Type = "text/html" }
body = "small"
[[origins.answers]]
path = "/page*"
fields = { Content-Type = "text/html", X-Both = ["a", "b"] }
body_file = "page.html"

[[origins]]
id = "canary"
[[origins.answers]]
status = 203
body = "canary"

[[steps]]
get = "/page?utm_source=x"
[steps.expect]
status = 200
cache = "miss"
origin = "main"
ttl = "10 s"
key = "literal=desktop"
fields = { Content-Type = "text/html", X-Both = ["a", "b"] }
no_fields = ["Server"]
body = "the page\n"
body_has = ["page"]
body_lacks = ["small"]
log = ["a desktop viewer", "path=/page"]
[steps.expect.at_origin]
method = "GET"
path = "/page"
no_fields = ["Cookie"]
body = ""

[[steps]]
advance = "4 s"
get = "/page"
[steps.expect]
cache = "hit"
ttl = "6 s"
origin = "none"

[[steps]]
get = "/page"
fields = { User-Agent = "Mobile" }
[steps.expect]
cache = "miss"
body = "small"

[[steps]]
advance = "1 min"

[[steps]]
get = "/page"
[steps.expect]
cache = "stale"
origin = "main"

[[steps]]
get = "/page"
fields = { Cookie = "canary=1" }
[steps.expect]
status = 203
cache = "uri-miss"
origin = "canary"

[[steps]]
get = "/nothing"
[steps.expect]
status = 404
"#;
    let project = Project::of("three-hooks")
        .put("page.html", "the page\n")
        .scenario("devices", devices)
        .scenario(
            "least",
            "[[steps]]\nget = \"/\"\n[steps.expect]\nstatus = 200\nbody = \"ok\"\n",
        );
    project
        .test()
        .code(0)
        .prints("ok  devices  7 steps\n")
        .prints("ok  least  1 step\n")
        .prints("2 passed, 0 failed");
}

#[test]
fn what_a_plugin_asks_of_the_host_can_be_scripted() {
    let steps = r#"
[kv]
"/old" = "/new"

[distribution]
id = "shop"
aliases = ["shop.test"]

[behavior]
allowed_methods = "any"

[[steps]]
get = "/x"
[steps.expect]
fields = { X-Kv = "/new", X-Fetch = "200 one, 404 no answer is scripted for this", X-Host = "shop.test" }

[[steps]]
method = "POST"
path = "/form?a=1"
body = "sent"
fields = { Host = "shop.test" }
[steps.expect]
cache = "pass"
[steps.expect.at_origin]
method = "POST"
path = "/form?a=1"
query = "a=1"
body = "sentsent"
fields = { X-Edge-Did = "this" }
"#;
    let config = "viewer-response = \"tell kv /old; tell fetch api=/a,api=/b; tell host\"\n\
                  origin-request = \"set X-Edge-Did this; when /form; double-body\"";
    // X-Edge-* is out of reach, so another name.
    let project = Project::acting().scenario(
        "powers",
        &acts(config, steps).replace("X-Edge-Did", "X-Did"),
    );
    project.test().code(0).prints("1 passed, 0 failed");
}

#[test]
fn plugins_are_told_the_time_of_the_scenario() {
    let steps = "[[steps]]\nget = \"/x\"\n[steps.expect]\nfields = { X-Now = \"1769860800\" }\n\
                 [[steps]]\nadvance = \"90 s\"\nget = \"/x\"\n[steps.expect]\nfields = { X-Now = \"1769860890\" }\n";
    let text = acts("viewer-response = \"tell now\"", steps);
    let text = format!("now = 2026-01-31T12:00:00Z\n{text}");
    Project::acting().scenario("clock", &text).test().code(0);
}

#[test]
fn what_a_plugin_stores_lives_in_the_time_of_the_scenario() {
    let steps = "[[steps]]\nget = \"/put\"\n[steps.expect]\nfields = { X-Cached = \"1\" }\n\
                 [[steps]]\nadvance = \"59 s\"\nget = \"/x\"\n[steps.expect]\nfields = { X-Cached = \"1\" }\n\
                 [[steps]]\nadvance = \"1 s\"\nget = \"/x\"\n[steps.expect]\nfields = { X-Cached = \"none\" }\n";
    let config = "viewer-request = \"when /put; put a 1\"\nviewer-response = \"tell cached a\"";
    let project = Project::acting().scenario("stored", &acts(config, steps));
    project.test().code(0);
}

/// Each kind of expectation that does not hold, and what is said then.
#[test]
fn what_is_not_as_expected_is_shown_with_its_place_and_ends_with_1() {
    let cases = [
        ("status = 201", "the status is `200`, not `201`"),
        ("cache = \"hit\"", "Cache-Status has fwd=uri-miss"),
        ("cache = \"none\"", "the cache did something else"),
        ("origin = \"none\"", "asked was: main"),
        ("ttl = \"5 s\"", "the freshness left is"),
        ("key = \"literal=phone\"", "the cache key lacks this"),
        (
            "fields = { Content-Type = \"text/css\" }",
            "the response lacks the field content-type",
        ),
        (
            "fields = { X-Did = \"that\" }",
            "the response has another value of x-did",
        ),
        (
            "no_fields = [\"X-Did\"]",
            "the response has the field x-did",
        ),
        ("body = \"other\"", "the body is another one"),
        ("body_has = [\"other\"]", "the body lacks this"),
        ("body_lacks = [\"o\"]", "the body has this"),
        (
            "plugin_error = \"bad-decision\"",
            "no call of the plugin failed",
        ),
        (
            "log = \"anything\"",
            "no line that the plugin logged has this",
        ),
        (
            "at_origin = { method = \"HEAD\" }",
            "the method at the origin is `GET`, not `HEAD`",
        ),
        (
            "at_origin = { path = \"/other\" }",
            "the path at the origin is `/page`, not `/other`",
        ),
        (
            "at_origin = { query = \"\" }",
            "the query at the origin is `id=1`, not ``",
        ),
        (
            "at_origin = { fields = { X-From = \"me\" } }",
            "the request at the origin has another value of x-from",
        ),
        (
            "at_origin = { no_fields = [\"X-From\"] }",
            "the request at the origin has the field x-from",
        ),
        (
            "at_origin = { body = \"x\" }",
            "the body at the origin is another one",
        ),
    ];
    let mut project = Project::acting();
    for (number, (expect, _)) in cases.iter().enumerate() {
        let text = one_step("viewer-response = \"set X-Did this\"", expect);
        project = project.scenario(&format!("case-{number:02}"), &text);
    }
    let run = project.test().code(1);
    let failures: Vec<&str> = run.stdout.split("FAILED ").skip(1).collect();
    assert_eq!(failures.len(), cases.len(), "{}", run.stdout);
    for (number, ((expect, said), failure)) in cases.iter().zip(failures).enumerate() {
        let place = format!("case-{number:02}.toml:");
        for part in [
            said,
            &place[..],
            "^",
            "step 1: GET /page?id=1",
            "came   200",
        ] {
            assert!(
                failure.contains(part),
                "{expect}: no {part:?} in\n{failure}"
            );
        }
    }
    run.prints(&format!("0 passed, {} failed", cases.len()));
}

#[test]
fn failures_of_a_plugin_fail_a_step_unless_they_are_expected() {
    let project = Project::of("misbehaves")
        .scenario(
            "expected",
            "[[steps]]\nget = \"/key/error\"\n[steps.expect]\nstatus = 500\n\
             [[steps]]\nget = \"/origin/unknown\"\n[steps.expect]\nplugin_error = \"bad-decision\"\nlog = \"nowhere\"\n\
             [[steps]]\nget = \"/ttl/panic\"\n[steps.expect]\nplugin_error = \"trap\"\n\
             [[steps]]\nget = \"/key/loop\"\n[steps.expect]\nplugin_error = \"cpu-limit\"\n",
        )
        .scenario(
            "otherwise",
            "[[steps]]\nget = \"/\"\n[[steps]]\nget = \"/key/error\"\n[steps.expect]\nplugin_error = \"trap\"\n",
        )
        .scenario(
            "unexpected",
            "[plugin]\non_error = \"continue\"\n[[steps]]\nget = \"/key/error\"\n[steps.expect]\nstatus = 200\n",
        );
    project
        .test()
        .code(1)
        .prints("ok  expected  4 steps")
        .prints("FAILED otherwise, step 2")
        .prints("the plugin failed otherwise: guest-error")
        .prints("FAILED unexpected, step 1")
        .prints("expect plugin_error = \"guest-error\"")
        .prints("the moon is wrong")
        .prints("1 passed, 2 failed");
}

#[test]
fn a_plugin_that_refuses_its_configuration_fails_the_scenario_at_that_place() {
    let text = one_step("refuse = \"not like this\"", "status = 200");
    let project = Project::acting().scenario("refused", &text);
    project
        .test()
        .code(1)
        .prints("FAILED refused")
        .prints("not like this")
        .prints("refused.toml:1:");
}

#[test]
fn an_origin_may_break_off_and_another_be_asked() {
    let text = "[[origins]]\nid = \"main\"\n[[origins.answers]]\nbreaks = true\n[[origins]]\nid = \"canary\"\n\
                [[steps]]\nget = \"/\"\n[steps.expect]\nstatus = 502\norigin = \"main\"\n\
                [[steps]]\nget = \"/\"\nfields = { Cookie = \"canary=1\" }\n[steps.expect]\nstatus = 200\norigin = \"canary\"\n";
    Project::of("three-hooks")
        .scenario("broken", text)
        .test()
        .code(0);
}

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
    fs::remove_dir(project.dir.path().join("scenarios")).expect("the folder is ours");
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
        let folder = project.dir.path().as_os_str();
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
    fs::write(project.dir.path().join("build.sh"), "#!/bin/sh\nexit 3\n").expect("it is ours");
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
    .prints("imports  types, config, kv, fetch, cache, metrics, secrets\n")
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
fn check_builds_a_project_and_ends_with_1_where_it_does_not_build() {
    let project = Project::acting();
    let check = || run_in(project.dir.path(), ["plugin", "check"]);
    check().code(0).prints("acts.wasm").prints("no errors");
    fs::write(project.dir.path().join("build.sh"), "#!/bin/sh\nexit 3\n").expect("it is ours");
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
