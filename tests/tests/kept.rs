//! Plugins that were built for an earlier host run in this one: the files of `tests/kept`, as they were when each version of
//! the contract came out. What they do is what it was.

use selvedge_tests::*;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `tests/kept`: one for each version of the contract.
fn versions() -> Vec<PathBuf> {
    let folder = workspace().join("tests/kept");
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut versions: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    versions.sort();
    assert!(versions[0].ends_with("0.1.0"), "{versions:?}");
    versions
}

/// The version of the contract as it is now.
fn current() -> String {
    let contract = fs::read_to_string(workspace().join("sdk/wit/edge.wit")).expect("it is there");
    let found = contract.lines().find_map(|line| {
        line.strip_prefix("package selvedge:edge@")?
            .strip_suffix(';')
    });
    found.expect("the package has a version").to_owned()
}

#[test]
fn plugins_of_every_version_are_kept() {
    let current = current();
    assert!(
        versions().iter().any(|version| version.ends_with(&current)),
        "the contract is {current}, and tests/kept has no plugins of it: its README says how they are added"
    );
    for version in versions() {
        for name in ["quickstart.wasm", "pages.wasm"] {
            let size = fs::metadata(version.join(name)).expect("it is kept").len();
            assert!(size < 300 << 10, "{name} has {size} bytes");
        }
    }
}

#[test]
fn a_kept_quickstart_decides_key_origin_and_lifetime() {
    for version in versions() {
        quickstart(&version.join("quickstart.wasm"));
    }
}

fn quickstart(file: &Path) {
    let (main, canary) = (Origin::start(), Origin::start());
    let edge = Edge::in_front_of(&main)
        .distribution(|one| one.origin("canary", &canary))
        .plugin("quickstart", file, "[plugins.config]\npage_seconds = 33")
        .start();
    let page = |text: &str| Answer::ok(text).field("Content-Type", "text/html");
    main.on("*").answers(page("main"));
    canary.on("*").answers(page("canary"));
    edge.get("/?a=1&utm_source=mail")
        .expect(200)
        .cache_status("ttl=33");
    edge.get("/?a=1&fbclid=7").expect(200).cache_status("hit");
    let phone = "Mozilla/5.0 (iPhone)";
    edge.get("/?a=1")
        .with("User-Agent", phone)
        .expect(200)
        .cache_status("fwd=uri-miss");
    edge.get("/?a=1")
        .with("User-Agent", "Android")
        .expect(200)
        .cache_status("hit");
    edge.get("/?a=1")
        .with("X-Canary", "1")
        .expect(200)
        .body("canary");
    edge.get("/?a=1")
        .with("Cookie", "canary=1")
        .expect(200)
        .body("canary")
        .cache_status("hit");
    edge.get("/?a=1").expect(200).body("main");
    edge.wait_for_log("to the canary");
}

#[test]
fn kept_plugins_of_all_seven_hooks_do_what_they_did() {
    for version in versions() {
        seven_hooks(&version.join("pages.wasm"));
    }
}

/// An edge with the plugin of the SDK's pages, and its origins `main`, `staging` and `archive`.
fn pages(file: &Path, config: &str) -> (Edge, [Origin; 3]) {
    let origins = [Origin::start(), Origin::start(), Origin::start()];
    let [main, staging, archive] = &origins;
    let lines = format!(
        "[plugins.secrets]\norigin_token = {{ file = \"token\" }}\n[plugins.config]\n{config}"
    );
    let builder = Edge::in_front_of(main)
        .distribution(|one| one.origin("staging", staging).origin("archive", archive))
        .plugin("pages", file, &lines);
    let dir = builder.write();
    fs::write(dir.path().join("distributions/token"), "t0k3n\n").expect("the folder is ours");
    (Edge::start_in(dir), origins)
}

fn seven_hooks(file: &Path) {
    let (edge, [main, staging, archive]) = pages(file, "page_seconds = 44");
    let page = |text: &str| Answer::ok(text).field("Content-Type", "text/html");

    // viewer-request: an answer, a redirect from the key-value data, a rewritten path.
    edge.get("/healthz")
        .expect(200)
        .body("ok\n")
        .field("X-Frame-Options", "DENY");
    let words = ["kv", "main", "set", "/old", "/new", "--config"].map(OsString::from);
    run(words.into_iter().chain([edge.config().into_os_string()])).code(0);
    edge.get("/old").expect(301).field("Location", "/new");
    let redirects = "{distribution=\"main\",plugin=\"pages\",name=\"redirects\"}";
    let counted = edge.metric(&format!("selvedge_plugin_count_total{redirects}"));
    assert_eq!(counted, Some(1.0));

    // origin-request: a secret; origin-response: a transform over pieces; ttl: what `init` read; viewer-response: fields.
    main.on("/docs/index.html").answers(
        page("see http:/")
            .content("/a.test, http://b.test")
            .field("Server", "x/1"),
    );
    edge.get("/docs/")
        .expect(200)
        .body("see https://a.test, https://b.test")
        .cache_status("ttl=44")
        .field("X-Content-Type-Options", "nosniff")
        .no_field("Server");
    let seen = main.request("/docs/index.html");
    assert_eq!(seen.field("Authorization").as_deref(), Some("Bearer t0k3n"));

    // cache-key: two languages and two kinds of devices.
    edge.get("/docs/").expect(200).cache_status("hit");
    edge.get("/docs/")
        .with("Accept-Language", "fr-CH")
        .expect(200)
        .cache_status("fwd=uri-miss");
    edge.get("/docs/?utm_source=x")
        .with("User-Agent", "Mobile")
        .expect(200)
        .cache_status("fwd=uri-miss");
    edge.get("/docs/")
        .with("User-Agent", "Mobile")
        .expect(200)
        .cache_status("hit");

    // origin-selection: testers' origin; and another origin for what is not found.
    staging.on("/t").answers(Answer::ok("staging"));
    edge.get("/t")
        .with("Cookie", "tester=ann")
        .expect(200)
        .body("staging");
    archive.on("/lost").answers(Answer::ok("found"));
    edge.get("/lost").expect(200).body("found");
    main.on("/logo").answers(
        Answer::ok("png")
            .field("Content-Type", "image/png")
            .field("Server", "x/1"),
    );
    edge.get("/logo").expect(200).cache_status("ttl=86400");
}

#[test]
fn what_a_kept_plugins_init_refuses_is_refused() {
    for version in versions() {
        let origin = Origin::start();
        let lines = "[plugins.secrets]\norigin_token = { env = \"PATH\" }\n[plugins.config]\npage_seconds = 7200";
        Edge::in_front_of(&origin)
            .plugin("pages", &version.join("pages.wasm"), lines)
            .check()
            .code(2)
            .reports("page_seconds must be at most 3600");
    }
}
