//! `selvedge plugin test`: scenarios that hold, scenarios that don't, and what they show.

use selvedge_tests::*;

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
            "[[steps]]\nget = \"/page?id=1\"\nfields = {{ Referer = \"viewer\" }}\n[steps.expect]\n{expect}\n"
        ),
    )
}

/// A scenario that asks for everything that a step can expect.
const DEVICES: &str = r#"
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

#[test]
fn scenarios_that_hold_are_listed_and_end_with_0() {
    let project = Project::of("three-hooks")
        .put("page.html", "the page\n")
        .scenario("devices", DEVICES)
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
            "at_origin = { fields = { Referer = \"me\" } }",
            "the request at the origin has another value of referer",
        ),
        (
            "at_origin = { no_fields = [\"Referer\"] }",
            "the request at the origin has the field referer",
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
