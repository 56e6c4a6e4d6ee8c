//! Requests that are the same for the cache: the target URI as the origin is told it, the query, and nothing that a viewer may
//! send beside the key without Vary saying so.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

/// A shop under several names whose origin answers by Host.
fn shop(origin: &Origin, lines: &str) -> Edge {
    origin.on("*").computes(|seen| {
        let host = seen.field("Host").unwrap_or_default();
        Answer::ok(&host)
            .cache_control("max-age=60")
            .field("X-Link", format!("http://{host}/next"))
    });
    Edge::in_front_of(origin)
        .distribution(|one| one.alias("*.shop.test"))
        .behavior(lines)
        .start()
}

#[test]
fn a_forwarded_host_is_in_the_key() {
    for lines in [
        "origin_request_policy = \"HostHeaderOnly\"",
        "origin_request_policy = \"AllViewer\"",
        "cache_policy = \"CachingOptimized\"\norigin_request_policy = \"AllViewer\"",
        "forward = { headers = \"all\" }",
        "forward = { headers = [\"Host\"] }",
        "forward = { headers = { except = [\"X-Other\"] } }",
        "cache = { headers = [\"Host\"] }",
        "cache_policy = \"UseOriginCacheControlHeaders\"",
    ] {
        let origin = Origin::start();
        let edge = shop(&origin, lines);
        for host in ["a.shop.test", "b.shop.test"] {
            edge.get("/").host(host).expect(200).body(host);
            edge.get("/").host(host).expect(200).body(host).is_shared();
        }
    }
}

#[test]
fn a_forwarded_host_has_one_spelling_for_each_target() {
    let origin = Origin::start();
    let edge = shop(&origin, "forward = { headers = \"all\" }");
    edge.get("/")
        .host("A.shop.TEST:80")
        .expect(200)
        .body("a.shop.test");
    for same in [
        "a.shop.test",
        "a.shop.test.",
        "a.shop.test:",
        "a.shop.test:080",
        "A.SHOP.test",
    ] {
        edge.get("/")
            .host(same)
            .expect(200)
            .body("a.shop.test")
            .is_shared();
    }
}

#[test]
fn the_port_of_one_viewer_is_not_in_the_page_of_others() {
    let origin = Origin::start();
    let edge = shop(&origin, "forward = { headers = \"all\" }");
    edge.get("/").host("a.shop.test:1337").expect(200);
    edge.get("/")
        .host("a.shop.test")
        .expect(200)
        .body("a.shop.test")
        .field("X-Link", "http://a.shop.test/next");
}

#[test]
fn a_host_that_the_origin_does_not_get_makes_no_entry_of_its_own() {
    let origin = Origin::start();
    let edge = shop(&origin, "");
    edge.get("/").host("a.shop.test").expect(200);
    edge.get("/")
        .host("b.shop.test:1337")
        .expect(200)
        .is_shared();
    assert_eq!(
        origin.request("/").field("Host"),
        Some(origin.address().to_string())
    );
}

#[test]
fn a_plugin_that_replaces_the_key_leaves_the_forwarded_host_in_it() {
    let origin = Origin::start();
    origin.on("*").computes(|seen| {
        let host = seen.field("Host").unwrap_or_default();
        Answer::ok(host).cache_control("max-age=60")
    });
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.alias("*.shop.test"))
        .behavior("forward = { headers = [\"Host\"] }")
        .plugin("keys", &guest("keys"), "")
        .start();
    for host in ["a.shop.test", "b.shop.test"] {
        edge.get("/replace").host(host).expect(200).body(host);
    }
}

#[test]
fn check_says_where_a_policy_of_cloudfronts_would_not_key_the_host() {
    let origin = Origin::start();
    let warned = |lines: &str| {
        let check = Edge::in_front_of(&origin).behavior(lines).check();
        check
            .code(0)
            .stderr
            .contains("the host is in the cache key")
    };
    assert!(warned("origin_request_policy = \"HostHeaderOnly\""));
    assert!(warned(
        "cache_policy = \"CachingOptimized\"\norigin_request_policy = \"AllViewer\""
    ));
    for quiet in [
        "origin_request_policy = \"AllViewerExceptHostHeader\"",
        "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"",
        "cache_policy = \"UseOriginCacheControlHeaders\"\norigin_request_policy = \"AllViewer\"",
        "forward = { headers = \"all\" }",
    ] {
        assert!(!warned(quiet), "{quiet}");
    }
}

#[test]
fn the_scheme_is_told_where_it_is_forwarded_only() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .tables(
            "[[behaviors]]\npath = \"/some\"\norigin = \"main\"\nforward = { headers = [\"Accept\"] }\n\
             [[behaviors]]\npath = \"/all\"\norigin = \"main\"\nforward = { headers = \"all\" }",
        )
        .start();
    for (path, told) in [
        ("/usual", Some("http")),
        ("/some", None),
        ("/all", Some("http")),
    ] {
        edge.get(path)
            .with("X-Forwarded-Proto", "gopher")
            .expect(404);
        let seen = origin.request(path).field("X-Forwarded-Proto");
        assert_eq!(seen.as_deref(), told, "{path}");
    }
}

/// Fields that no browser sends of itself and that origins act upon, each in some spelling.
const ATTACKS: [&str; 22] = [
    "X-Forwarded-Host",
    "X_Forwarded_Host",
    "X-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Scheme",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Forwarded",
    "Front-End-Https",
    "X-HTTP-Method-Override",
    "X_HTTP_Method_Override",
    "X-HTTP_Method-Override",
    "X-Method-Override",
    "X-HTTP-Method",
    "X-Real-IP",
    "True-Client-IP",
    "X-Anything",
    "Cache-Control",
    "Pragma",
    "Content-Type",
];

#[test]
fn where_a_response_may_be_stored_the_default_forwards_nothing_that_others_would_pay_for() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").computes(|seen| {
        let reflected = ATTACKS.iter().find_map(|name| seen.field(name));
        Answer::ok(reflected.unwrap_or_default()).cache_control("max-age=60")
    });
    for (number, name) in ATTACKS.iter().enumerate() {
        let path = format!("/{number}");
        edge.get(&path).with(name, "evil").expect(200);
        edge.get(&path).expect(200).body("").is_shared();
    }
}

#[test]
fn what_browsers_send_of_themselves_reaches_the_origin_by_default() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let usual = [
        ("Accept", "text/html"),
        ("Accept-Encoding", "gzip"),
        ("Accept-Language", "de"),
        ("User-Agent", "test"),
        ("Origin", "http://a.test"),
        ("Referer", "http://a.test/"),
        ("Sec-CH-UA-Mobile", "?1"),
        ("Sec-Fetch-Dest", "image"),
        ("Save-Data", "on"),
        ("DPR", "2"),
        ("Authorization", "Basic x"),
        ("Range", "bytes=0-1"),
        ("If-Range", "\"1\""),
    ];
    let mut ask = edge.get("/a");
    for (name, value) in usual {
        ask = ask.with(name, value);
    }
    ask.expect(404);
    let seen = origin.request("/a");
    for (name, value) in usual {
        assert_eq!(seen.field(name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn where_nothing_is_stored_everything_end_to_end_reaches_the_origin() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = \"any\"\ncache = { query = \"none\" }")
        .tables("[[behaviors]]\npath = \"/api\"\norigin = \"main\"\nallowed_methods = \"any\"\ncache_policy = \"CachingDisabled\"")
        .start();
    for (method, path) in [
        ("POST", "/form"),
        ("DELETE", "/form2"),
        ("GET", "/api"),
        ("PUT", "/api2"),
    ] {
        edge.request(method, &format!("{path}?page=2"))
            .with("X-Api-Key", "1")
            .with("X-Requested-With", "script")
            .with("Cookie", "flag; sid=1")
            .with("Accept-Encoding", "zstd, gzip;q=0.5")
            .with("Cache-Control", "no-cache")
            .expect(404);
        let seen = origin.request(path);
        assert_eq!(seen.target(), format!("{path}?page=2"));
        for (name, value) in [
            ("X-Api-Key", "1"),
            ("X-Requested-With", "script"),
            ("Cookie", "flag; sid=1"),
            ("Accept-Encoding", "zstd, gzip;q=0.5"),
            ("Cache-Control", "no-cache"),
        ] {
            assert_eq!(
                seen.field(name).as_deref(),
                Some(value),
                "{method} {path} {name}"
            );
        }
    }
}

#[test]
fn what_a_post_was_asked_with_beyond_a_get_is_not_stored_for_gets() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = \"any\"")
        .start();
    origin.on("/form").computes(|seen| {
        Answer::ok(seen.field("Cookie").unwrap_or_default())
            .cache_control("max-age=60")
            .field("Content-Location", "/form")
    });
    edge.post("/form", "x")
        .with("Cookie", "sid=1")
        .expect(200)
        .body("sid=1");
    edge.get("/form")
        .expect(200)
        .body("")
        .no_cache_status("hit");
}

#[test]
fn check_warns_of_a_field_that_is_sent_beside_the_key_and_that_origins_act_upon() {
    let origin = Origin::start();
    let warnings = |lines: &str| {
        let check = Edge::in_front_of(&origin).behavior(lines).check();
        check
            .code(0)
            .stderr
            .matches("is not in the cache key")
            .count()
    };
    let forward =
        "forward = { headers = [\"X-Forwarded-Host\", \"Accept\", \"x_http_method_override\"] }";
    assert_eq!(warnings(forward), 2);
    assert_eq!(
        warnings(&format!("{forward}\ncache_policy = \"CachingDisabled\"")),
        0
    );
    let keyed = "cache = { headers = [\"X-Forwarded-Host\", \"X_HTTP_Method_Override\"] }";
    assert_eq!(warnings(&format!("{forward}\n{keyed}")), 0);
    assert_eq!(warnings("forward = { headers = \"all\" }"), 0);
}

#[test]
fn an_empty_query_is_none() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("*")
        .computes(|seen| Answer::ok(seen.target()).cache_control("max-age=60"));
    edge.get("/a?").expect(200).body("/a");
    edge.get("/a").expect(200).is_shared();
    for path in ["/a", "/a?"] {
        let command = ["invalidate", "main", path, "--config"].map(std::ffi::OsString::from);
        run(command.into_iter().chain([edge.config().into_os_string()])).code(0);
        for asked in ["/a?", "/a"] {
            let response = edge.get(asked).expect(200);
            let is_shared = response.has("hit") || response.has("collapsed");
            assert_eq!(is_shared, asked == "/a", "{path} {asked}");
        }
    }
    edge.get("/a?&").expect(200).body("/a?&");
}

#[test]
fn a_content_type_of_a_get_that_is_keyed_or_named_reaches_the_origin() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("headers = [\"Content-Type\"]")
        .tables("[[behaviors]]\npath = \"/named\"\norigin = \"main\"\nforward = { headers = [\"Content-Type\"] }")
        .start();
    origin.on("*").computes(|seen| {
        Answer::ok(seen.field("Content-Type").unwrap_or_default()).cache_control("max-age=60")
    });
    for kind in ["text/a", "text/b"] {
        edge.get("/a")
            .with("Content-Type", kind)
            .expect(200)
            .body(kind);
    }
    edge.get("/named")
        .with("Content-Type", "text/a")
        .expect(200)
        .body("text/a");
}
