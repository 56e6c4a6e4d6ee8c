//! Isolation: data of one plugin or distribution is out of reach for every other, and the machine's for all of them.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;

const OTHER: &str = "other.example.test";

/// Shows the data that a plugin can reach, in fields of the response.
const TELLS: &str =
    "tell kv key; tell cached key; tell secret token; tell secret only-one; set x-of";

/// The lines of a plugin that tells what it reaches: it says `name`, and its secrets are in files of that name.
fn telling(name: &str, more: &str) -> String {
    format!(
        "[plugins.fetch.unused]\nurl = \"https://backend.example\"\n\
         [plugins.secrets]\ntoken = {{ file = \"token-{name}\" }}\nonly-{name} = {{ file = \"token-{name}\" }}\n\
         [plugins.config]\nviewer-request = \"when /put; put key {name}; when /purge; invalidate everything\"\n\
         viewer-response = \"{TELLS} {name}\"\n{more}"
    )
}

/// An edge with this configuration, whose secrets are in place.
fn start(builder: &EdgeBuilder) -> Edge {
    let dir = builder.write();
    for name in ["one", "two"] {
        let file = dir.path().join(format!("distributions/token-{name}"));
        fs::write(file, format!("secret of {name}\n")).expect("the folder is ours");
    }
    Edge::start_in(dir)
}

/// Two distributions, `main` and `other`, with the same plugin file under the same name.
fn two_distributions(origin: &Origin) -> Edge {
    let acts = guest("acts");
    let tags = "tag_header = \"Surrogate-Key\"";
    let other = Distribution::new("other", origin.address())
        .alias(OTHER)
        .top(tags)
        .plugin("acts", &acts, &telling("two", ""));
    let builder = Edge::in_front_of(origin)
        .distribution(|one| one.top(tags))
        .plugin("acts", &acts, &telling("one", ""))
        .and(other);
    start(&builder)
}

fn command(edge: &Edge, words: &[&str]) {
    let words = words.iter().map(OsString::from);
    run(words.chain(["--config".into(), edge.config().into_os_string()])).code(0);
}

#[test]
fn the_same_key_is_another_one_in_each_distribution() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let edge = two_distributions(&origin);
    command(&edge, &["kv", "main", "set", "key", "of main"]);
    edge.get("/a")
        .expect(200)
        .field("X-Kv", "of main")
        .field("X-Of", "one");
    edge.get("/a")
        .host(OTHER)
        .expect(200)
        .field("X-Kv", "none")
        .field("X-Of", "two");
    command(&edge, &["kv", "other", "set", "key", "of other"]);
    edge.get("/a").expect(200).field("X-Kv", "of main");
    edge.get("/a")
        .host(OTHER)
        .expect(200)
        .field("X-Kv", "of other");
    command(&edge, &["kv", "other", "delete", "key"]);
    edge.get("/a").expect(200).field("X-Kv", "of main");
}

#[test]
fn a_stored_value_is_its_distributions_own() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let edge = two_distributions(&origin);
    edge.get("/put").expect(200).field("X-Cached", "one");
    edge.get("/a")
        .host(OTHER)
        .expect(200)
        .field("X-Cached", "none");
    edge.get("/put")
        .host(OTHER)
        .expect(200)
        .field("X-Cached", "two");
    edge.get("/a").expect(200).field("X-Cached", "one");
    command(&edge, &["invalidate", "other", "--tag", "acts"]);
    edge.get("/a").expect(200).field("X-Cached", "one");
    edge.get("/a")
        .host(OTHER)
        .expect(200)
        .field("X-Cached", "none");
}

#[test]
fn a_plugin_invalidates_nothing_of_another_distribution() {
    let origin = Origin::start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Surrogate-Key", "everything"),
    );
    let acts = guest("acts");
    let purging = telling("one", "").replace("when /put; put key one; ", "");
    let tags = "tag_header = \"Surrogate-Key\"";
    let other = Distribution::new("other", origin.address())
        .alias(OTHER)
        .top(tags);
    let edge = start(
        &Edge::in_front_of(&origin)
            .distribution(|one| one.top(tags))
            .plugin("acts", &acts, &purging)
            .and(other),
    );
    for _ in 0..2 {
        edge.get("/a").expect(200);
        edge.get("/a").host(OTHER).expect(200);
    }
    edge.get("/purge").expect(404);
    edge.get("/a").host(OTHER).expect(200).cache_status("hit");
    edge.get("/a").expect(200).no_cache_status("hit");
}

#[test]
fn secrets_are_those_of_the_plugins_own_entry() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let edge = two_distributions(&origin);
    let secrets = |host: &str| {
        let response = edge.get("/a").host(host).expect(200);
        response.head.fields.all("X-Secret")
    };
    assert_eq!(secrets(ALIAS), ["secret of one", "secret of one"]);
    // It has no secret by the name that the first one's has.
    assert_eq!(secrets(OTHER), ["secret of two", "none"]);
}

#[test]
fn two_plugins_of_a_distribution_have_configuration_and_secrets_of_their_own() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let acts = guest("acts");
    let edge = start(
        &Edge::in_front_of(&origin)
            .plugin("first", &acts, &telling("one", ""))
            .plugin("second", &acts, &telling("two", "")),
    );
    let response = edge.get("/a").expect(200).field("X-Of", "two");
    let secrets = response.head.fields.all("X-Secret");
    let expected = ["secret of one", "secret of one", "secret of two", "none"];
    assert_eq!(secrets, expected);
}

#[test]
fn a_plugin_has_no_way_out() {
    let origin = Origin::start();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("it may be asked");
    let port = listener.local_addr().expect("it is bound").port();
    let edge = Edge::in_front_of(&origin)
        .plugin(
            "prisoner",
            &guest("prisoner"),
            &format!("[plugins.config]\nport = {port}"),
        )
        .start();
    edge.get("/a").expect(404);
    edge.wait_for_log("ways out: []");
    let told = edge.wait_for_log("the host refused: ").to_string();
    for refused in [
        "connect access-denied",
        "connect-ipv6 access-denied",
        "listen access-denied",
        "datagrams access-denied",
        "name permanent-resolver-failure",
        "name-of-number permanent-resolver-failure",
    ] {
        assert!(told.contains(refused), "{refused}: {told}");
    }
    edge.wait_for_log("said on standard output");
    edge.wait_for_log("said on standard error");
    assert!(listener.accept().is_err(), "somebody has connected");
    assert!(!std::path::Path::new("/tmp/selvedge-prisoner").exists());
    assert!(!edge.folder().join("selvedge-prisoner").exists());
}
