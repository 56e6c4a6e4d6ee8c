//! Where viewers are: geographic facts from a database, read by plugins.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use serde_json::json;
use std::ffi::OsString;

/// An edge whose cache key has the viewer's country at `/country`, with this database.
fn by_country(origin: &Origin, database: &GeoDatabase) -> Edge {
    let dir = Edge::in_front_of(origin)
        .server("geo_database = \"geo.mmdb\"")
        .plugin("keys", &guest("keys"), "")
        .write();
    database.write(&dir.path().join("geo.mmdb"));
    Edge::start_in(dir)
}

fn swiss_and_german() -> GeoDatabase {
    GeoDatabase::new()
        .country([127, 0, 0, 1], "CH")
        .country([127, 0, 0, 2], "DE")
}

#[test]
fn each_country_gets_its_own_variant() {
    let origin = Origin::start();
    let edge = by_country(&origin, &swiss_and_german());
    origin
        .on("/country")
        .answers(Answer::ok("swiss"))
        .then(Answer::ok("german"))
        .then(Answer::ok("unknown"));
    let from = |host: u8| edge.get("/country").from([127, 0, 0, host]);
    from(1).expect(200).body("swiss");
    from(2).expect(200).body("german");
    from(3).expect(200).body("unknown");
    from(2).expect(200).body("german").cache_status("hit");
    from(1).expect(200).body("swiss").cache_status("hit");
    from(3).expect(200).body("unknown").cache_status("hit");
    assert_eq!(origin.requests("/country").len(), 3);
}

#[test]
fn a_remembered_decision_is_that_of_the_same_country() {
    let origin = Origin::start();
    let edge = by_country(&origin, &swiss_and_german());
    origin.on("/country").answers(Answer::ok("x"));
    let from = |host: u8| edge.get("/country").from([127, 0, 0, host]);
    from(1).expect(200).cache_status("fwd=uri-miss");
    from(2).expect(200).cache_status("fwd=uri-miss");
    from(1).expect(200).cache_status("hit");
    from(2).expect(200).cache_status("hit");
    let remembered = edge.metric_sum("selvedge_hook_calls_total", "outcome=\"remembered\"");
    assert_eq!(remembered, 2.0);
}

/// The facts of the viewer that a plugin reads with these databases.
fn told(databases: &[GeoDatabase], facts: &str) -> String {
    let origin = Origin::start();
    let names: Vec<String> = (0..databases.len())
        .map(|number| format!("\"{number}.mmdb\""))
        .collect();
    let config = format!(
        "[plugins.fetch.unused]\nurl = \"https://backend.example\"\n[plugins.secrets]\nunused = {{ env = \"PATH\" }}\n\
         [plugins.config]\nviewer-response = \"tell geo {facts}\""
    );
    let dir = Edge::in_front_of(&origin)
        .server(&format!("geo_database = [{}]", names.join(", ")))
        .plugin("acts", &guest("acts"), &config)
        .write();
    for (number, database) in databases.iter().enumerate() {
        database.write(&dir.path().join(format!("{number}.mmdb")));
    }
    let edge = Edge::start_in(dir);
    let answer = edge.get("/a").expect(404);
    answer.get("X-Geo").expect("the plugin tells")
}

#[test]
fn every_fact_is_read_by_its_name() {
    let zurich = json!({
        "continent": { "code": "EU", "names": { "en": "Europe" } },
        "country": { "iso_code": "CH", "names": { "de": "Schweiz", "en": "Switzerland" } },
        "subdivisions": [
            { "iso_code": "ZH", "names": { "en": "Zurich" } },
            { "iso_code": "112", "names": { "en": "Zurich District" } },
        ],
        "city": { "names": { "en": "Zurich" } },
        "postal": { "code": "8001" },
        "location": { "latitude": 47.37, "longitude": -8.5, "metro_code": 807, "time_zone": "Europe/Zurich" },
    });
    let city = GeoDatabase::new().with([127, 0, 0, 1], zurich);
    let network = json!({ "autonomous_system_number": 4_200_000_000_u32, "autonomous_system_organization": "Example" });
    let asn = GeoDatabase::new().with([127, 0, 0, 1], network);
    let facts = "continent,country,country-name,region,region-name,city,postal-code,metro-code,latitude,longitude,time-zone,asn,as-organization,planet";
    assert_eq!(
        told(&[city, asn], facts),
        "EU | CH | Switzerland | 112 | Zurich District | Zurich | 8001 | 807 | 47.37 | -8.5 | Europe/Zurich | 4200000000 | Example | none"
    );
}

#[test]
fn the_first_database_that_knows_a_fact_says_it() {
    let first = GeoDatabase::new().with([127, 0, 0, 1], json!({ "country": {} }));
    let second = GeoDatabase::new().country([127, 0, 0, 1], "FR");
    let third = GeoDatabase::new().country([127, 0, 0, 1], "IT");
    assert_eq!(told(&[first, second, third], "country,city"), "FR | none");
}

#[test]
fn a_new_database_is_taken_without_a_signal_and_a_damaged_one_is_not() {
    let origin = Origin::start();
    let edge = by_country(&origin, &swiss_and_german());
    origin.on("/country").answers(Answer::ok("x"));
    edge.get("/country").expect(200);
    let file = edge.folder().join("geo.mmdb");
    let whole = swiss_and_german().bytes();
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("the folder is ours");
    edge.wait_for_log("geo.mmdb can't be used");
    edge.get("/country").expect(200).cache_status("hit");
    GeoDatabase::new()
        .country([127, 0, 0, 1], "AT")
        .write(&file);
    edge.eventually(
        "the viewer is elsewhere",
        || edge.get("/country"),
        |response| response.has("fwd=uri-miss"),
    );
}

/// Claims that `check` refuses this file with this reason, at its place.
#[track_caller]
fn refused(name: &str, bytes: Option<&[u8]>, reason: &str) {
    let origin = Origin::start();
    let dir = Edge::in_front_of(&origin)
        .server(&format!("geo_database = \"{name}\""))
        .write();
    if let Some(bytes) = bytes {
        std::fs::write(dir.path().join(name), bytes).expect("the folder is ours");
    }
    let config = dir.path().join("selvedge.toml");
    run(["check".as_ref(), "--config".as_ref(), config.as_os_str()])
        .code(2)
        .reports("selvedge.toml:")
        .reports(name)
        .reports(reason);
}

#[test]
fn a_database_that_cannot_be_used_is_refused_at_its_place() {
    let whole = swiss_and_german().bytes();
    refused("missing.mmdb", None, "No such file");
    refused("distributions", None, "not a regular file");
    refused("text.mmdb", Some(b"country = CH"), "MaxMind");
    refused("short.mmdb", Some(&whole[..whole.len() / 2]), "MaxMind");
    // The end is sound, and so is the tree; the records are not.
    let mut damaged = whole.clone();
    let place = whole
        .windows(3)
        .position(|bytes| bytes == [2 << 5 | 2, b'C', b'H'])
        .expect("the record is there");
    damaged[place + 1] = 0xff;
    refused("damaged.mmdb", Some(&damaged), "invalid UTF-8");
    let other_layout = GeoDatabase::new().with([127, 0, 0, 1], json!({ "country": "CH" }));
    refused("other.mmdb", Some(&other_layout.bytes()), "expected map");
    // Each side of each node leads back to the first: a tree without an end.
    let mut endless = whole.clone();
    let nodes = endless
        .windows(16)
        .position(|bytes| bytes == [0; 16])
        .expect("the separator is there");
    endless[..nodes].fill(0);
    refused("endless.mmdb", Some(&endless), "tree");
}

#[test]
fn explain_tells_the_key_of_a_viewer_elsewhere() {
    let origin = Origin::start();
    let edge = by_country(&origin, &swiss_and_german());
    let config = edge.config();
    let explain = |more: &[&str]| {
        let url = format!("http://{ALIAS}/country");
        let words = ["explain", &url, "--config"].map(OsString::from);
        let more = more.iter().map(OsString::from);
        run(words.into_iter().chain([config.clone().into()]).chain(more))
    };
    explain(&[]).code(0).prints("literal=CH");
    explain(&["--viewer", "127.0.0.2"])
        .code(0)
        .prints("literal=DE");
    explain(&["--viewer", "::1"]).code(0).prints("extend ['']");
    explain(&["--viewer", "here"]).code(2).reports("--viewer");
    assert!(origin.all_requests().is_empty());
}

#[test]
fn without_a_database_nothing_is_known() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin("keys", &guest("keys"), "")
        .start();
    origin.on("/country").answers(Answer::ok("x"));
    edge.get("/country").from([127, 0, 0, 1]).expect(200);
    edge.get("/country")
        .from([127, 0, 0, 2])
        .expect(200)
        .cache_status("hit");
}
