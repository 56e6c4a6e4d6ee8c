//! A running edge takes each changed distribution whole or not at all, and by itself, without dropping a request.

use selvedge_tests::*;

fn main_with(origin: &Origin) -> Distribution {
    Distribution::new("main", origin.address()).alias(ALIAS)
}

#[test]
fn sighup_takes_a_new_configuration() {
    let (old, new) = (Origin::start(), Origin::start());
    let mut edge = Edge::in_front_of(&old).start();
    old.on("*").answers(Answer::ok("old"));
    new.on("*").answers(Answer::ok("new"));
    edge.get("/a").expect(200).body("old");
    edge.write_distribution(&Distribution::new("more", new.address()).alias("more.example.test"));
    edge.reload();
    edge.eventually(
        "the new distribution answers",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
    edge.get("/")
        .host("more.example.test")
        .expect(200)
        .body("new");
    edge.get("/a").expect(200).body("old").cache_status("hit");
}

#[test]
fn a_changed_file_is_taken_without_a_signal() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/").host("more.example.test").expect(403);
    edge.write_distribution(&main_with(&origin).alias("more.example.test"));
    edge.eventually(
        "the new alias answers",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
}

#[test]
fn a_removed_distribution_is_refused() {
    let origin = Origin::start();
    let more = Distribution::new("more", origin.address()).alias("more.example.test");
    let mut edge = Edge::in_front_of(&origin).and(more).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/").host("more.example.test").expect(200);
    std::fs::remove_file(edge.folder().join("distributions/more.toml")).expect("the file is there");
    edge.reload();
    edge.eventually(
        "the distribution is gone",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 403,
    );
    edge.get("/").expect(200);
}

#[test]
fn a_broken_distribution_stays_as_it_was_and_the_others_are_taken() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.write_distribution(&main_with(&origin).behavior("no_such_key = 1"));
    edge.wait_for_log("no_such_key");
    edge.write_distribution(
        &Distribution::new("more", origin.address()).alias("more.example.test"),
    );
    edge.eventually(
        "the other file is taken",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
    edge.get("/").expect(200).body("x");
    assert_eq!(edge.metric("selvedge_distributions_broken"), Some(1.0));
    assert_eq!(
        edge.metric_sum("selvedge_distribution_broken", "distribution=\"main\""),
        1.0
    );
    let listed = run([
        "distributions".as_ref(),
        "--config".as_ref(),
        edge.config().as_os_str(),
    ])
    .code(0);
    let line = listed.stdout.lines().find(|line| line.starts_with("main"));
    let line = line.expect("the broken one is listed");
    assert!(
        line.ends_with("broken (its last good version is in force)"),
        "{line}"
    );
    assert!(listed.stderr.contains("no_such_key"), "{}", listed.stderr);
    edge.write_distribution(&main_with(&origin).alias("mended.example.test"));
    edge.eventually(
        "the mended file is taken",
        || edge.get("/").host("mended.example.test"),
        |r| r.status() == 200,
    );
    assert_eq!(edge.metric("selvedge_distributions_broken"), Some(0.0));
}

#[test]
fn at_the_start_a_broken_distribution_answers_503_and_the_rest_serves() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let more = Distribution::new("more", origin.address())
        .alias("more.example.test")
        .behavior("no_such_key = 1");
    let mut edge = Edge::in_front_of(&origin).and(more).start();
    edge.get("/").expect(200).body("x");
    let refused = edge.get("/").host("more.example.test").expect(503);
    assert!(
        refused.text().contains("configuration"),
        "{}",
        refused.text()
    );
    edge.wait_for_log("its host names answer 503");
    edge.ask_to_end();
    let end = edge.wait();
    assert_eq!(end.code, Some(2), "something was broken to the end");
}

#[test]
fn a_short_circuited_plugin_stays_so_when_a_neighbour_is_reloaded() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let edge = Edge::in_front_of(&origin)
        .plugin(
            "misbehaves",
            &guests::guest("misbehaves"),
            "short_circuit = { failures = 4, calls = 5, pause = \"1 h\" }",
        )
        .start();
    for _ in 0..4 {
        edge.get("/key/panic").expect(500);
    }
    edge.get("/good").expect(503);
    edge.write_distribution(
        &Distribution::new("more", origin.address()).alias("more.example.test"),
    );
    edge.eventually(
        "the neighbour is there",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
    edge.get("/good").expect(503);
}

#[test]
fn connections_to_origins_outlive_the_reload_of_a_neighbour_and_of_their_own_file() {
    let (origin, other) = (Origin::start(), Origin::start());
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("no-store"));
    other.on("*").answers(Answer::ok("y"));
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/1").expect(200);
    for (id, host) in [("more", "more.example.test"), ("main", "new.example.test")] {
        let target = if id == "main" { &origin } else { &other };
        let changed = Distribution::new(id, target.address())
            .alias(host)
            .alias(match id {
                "main" => ALIAS,
                _ => "other.example.test",
            });
        edge.write_distribution(&changed);
        edge.eventually(
            "the change is there",
            || edge.get("/").host(host),
            |r| r.status() == 200,
        );
        edge.get("/2").expect(200);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_pipe_in_place_of_a_file_hangs_neither_check_nor_a_reload_nor_the_end() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let mut edge = Edge::in_front_of(&origin).start();
    let pipe = edge.folder().join("distributions/pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    edge.wait_for_log("this is not a file");
    edge.write_distribution(&main_with(&origin).alias("more.example.test"));
    edge.eventually(
        "the next change is taken",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
    let checked = run([
        "check".as_ref(),
        "--config".as_ref(),
        edge.config().as_os_str(),
    ]);
    checked.code(2);
    edge.ask_to_end();
    edge.wait();
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_place() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.write_distribution_file("main", "id = \"main\"\naliases = [\n");
    edge.reload();
    edge.wait_for_log("main.toml");
    edge.get("/").expect(200);
}

#[test]
fn a_plugin_that_is_not_there_is_refused_at_reload() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    let missing = edge.folder().join("missing.wasm");
    edge.write_distribution(&main_with(&origin).plugin("missing", &missing, ""));
    edge.reload();
    edge.wait_for_log("missing.wasm");
    edge.get("/").expect(200);
}

#[test]
fn a_reload_drops_no_running_request() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let mut edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("first ").then_waits(&gate).content("second"));
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    edge.write_distribution(&main_with(&origin).alias("more.example.test"));
    edge.reload();
    edge.eventually(
        "the new alias answers",
        || edge.get("/b").host("more.example.test"),
        |r| r.status() == 404,
    );
    gate.open();
    assert_eq!(viewer.bytes(12), b"first second");
}

#[test]
fn requests_that_come_during_reloads_are_all_answered() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("no-store"));
    let mut viewer = edge.viewer();
    for number in 0..20 {
        edge.write_distribution(&main_with(&origin).top(&format!("comment = \"{number}\"")));
        edge.reload();
        for _ in 0..5 {
            viewer.get("/a");
            viewer.response().expect(200).body("x");
        }
    }
}

#[test]
fn a_changed_lifetime_counts_for_what_is_fetched_from_now_on() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/a").expect(200).cache_status("ttl=86400");
    edge.write_distribution(&main_with(&origin).cache("default_ttl = 50"));
    edge.reload();
    let number = std::cell::Cell::new(0);
    let next = || {
        number.set(number.get() + 1);
        edge.get(&format!("/{}", number.get()))
    };
    edge.eventually("the new lifetime counts", next, |r| r.has("ttl=50"));
}

#[test]
fn a_file_that_changes_right_after_the_start_is_taken_too() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.write_distribution(&main_with(&origin).alias("more.example.test"));
    origin.on("*").answers(Answer::ok("x"));
    edge.eventually(
        "the new alias answers",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
}
