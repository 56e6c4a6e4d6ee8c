//! A running edge takes a new configuration whole or not at all, without dropping a request.

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
fn a_bad_configuration_is_refused_whole_and_the_old_one_stays() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    edge.write_distribution(
        &Distribution::new("more", origin.address()).alias("more.example.test"),
    );
    edge.write_distribution(&main_with(&origin).behavior("no_such_key = 1"));
    edge.reload();
    edge.wait_for_log("no_such_key");
    edge.get("/").expect(200).body("x");
    edge.get("/").host("more.example.test").expect(403);
    edge.write_distribution(&main_with(&origin));
    edge.reload();
    edge.eventually(
        "the corrected files are taken",
        || edge.get("/").host("more.example.test"),
        |r| r.status() == 200,
    );
    assert!(edge.runs());
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
