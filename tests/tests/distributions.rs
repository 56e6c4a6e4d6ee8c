//! Which distribution answers: by Host, by the target, by the assigned domain name.

use selvedge_tests::*;

/// Two origins that say their names, and an edge with a distribution for each.
fn two(shop: impl FnOnce(Distribution) -> Distribution) -> (Origin, Origin, Edge) {
    let (first, second) = (Origin::start(), Origin::start());
    first.on("*").answers(Answer::ok("main"));
    second.on("*").answers(Answer::ok("shop"));
    let shop = shop(Distribution::new("shop", second.address()));
    let edge = Edge::in_front_of(&first).and(shop).start();
    (first, second, edge)
}

#[test]
fn the_host_selects_the_distribution() {
    let (_first, _second, edge) = two(|shop| shop.alias("shop.example.test"));
    edge.get("/").expect(200).body("main");
    edge.get("/")
        .host("shop.example.test")
        .expect(200)
        .body("shop");
}

#[test]
fn neither_the_case_of_the_host_nor_its_port_matter() {
    let (_first, _second, edge) = two(|shop| shop.alias("shop.example.test"));
    edge.get("/")
        .host("SHOP.Example.Test")
        .expect(200)
        .body("shop");
    edge.get("/")
        .host("shop.example.test:8080")
        .expect(200)
        .body("shop");
    edge.get("/")
        .host("shop.example.test.")
        .expect(200)
        .body("shop");
}

#[test]
fn two_distributions_share_no_stored_response() {
    let (_first, _second, edge) = two(|shop| shop.alias("shop.example.test"));
    edge.get("/a").expect(200).body("main");
    edge.get("/a")
        .host("shop.example.test")
        .expect(200)
        .body("shop")
        .cache_status("fwd=uri-miss");
}

#[test]
fn aliases_of_one_distribution_share_what_is_stored() {
    let (_first, _second, edge) = two(|shop| shop.alias("a.example.test").alias("b.example.test"));
    edge.get("/a").host("a.example.test").expect(200);
    edge.get("/a")
        .host("b.example.test")
        .expect(200)
        .cache_status("hit");
}

#[test]
fn an_unknown_host_is_refused_with_403() {
    let (first, second, edge) = two(|shop| shop.alias("shop.example.test"));
    edge.get("/")
        .host("other.example.test")
        .expect(403)
        .x_cache("Error");
    edge.get("/").host("127.0.0.1").expect(403);
    assert_eq!(first.all_requests().len() + second.all_requests().len(), 0);
}

#[test]
fn a_disabled_distribution_is_refused_with_403() {
    let (_first, second, edge) = two(|shop| shop.alias("shop.example.test").top("enabled = false"));
    edge.get("/").host("shop.example.test").expect(403);
    edge.get("/").expect(200).body("main");
    assert_eq!(second.all_requests().len(), 0);
}

#[test]
fn a_wildcard_stands_for_the_leftmost_label() {
    let (_first, _second, edge) = two(|shop| shop.alias("*.shop.test"));
    edge.get("/").host("a.shop.test").expect(200).body("shop");
    edge.get("/").host("shop.test").expect(403);
}

#[test]
fn an_exact_alias_beats_a_wildcard() {
    let (_first, _second, edge) = two(|shop| shop.alias("*.example.test"));
    edge.get("/")
        .host("any.example.test")
        .expect(200)
        .body("shop");
    edge.get("/").host(ALIAS).expect(200).body("main");
}

#[test]
fn the_assigned_domain_name_selects_it_too_and_stays() {
    let (_first, _second, edge) = two(|shop| shop.alias("shop.example.test"));
    let listed = run([
        "distributions".as_ref(),
        "--config".as_ref(),
        edge.config().as_os_str(),
    ])
    .code(0)
    .stdout;
    let line = listed
        .lines()
        .find(|line| line.starts_with("shop"))
        .expect("the distribution is listed");
    let domain = line
        .split_whitespace()
        .nth(1)
        .expect("a domain name")
        .to_owned();
    let label = domain
        .strip_suffix(".edge.test")
        .expect("the configured suffix");
    assert!(label.len() == 14 && label.starts_with('d'), "{label:?}");
    assert!(
        label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "{label:?}"
    );
    edge.get("/").host(&domain).expect(200).body("shop");
    let edge = edge.restart();
    edge.get("/").host(&domain).expect(200).body("shop");
}

#[test]
fn the_list_names_aliases_and_state() {
    let origin = Origin::start();
    let off = Distribution::new("off", origin.address())
        .alias("*.off.test")
        .top("enabled = false");
    let listed = Edge::in_front_of(&origin)
        .and(off)
        .command("distributions")
        .code(0)
        .stdout;
    let line = |id: &str| {
        listed
            .lines()
            .find(|line| line.starts_with(id))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        line("main").contains(ALIAS) && line("main").ends_with("enabled"),
        "{listed}"
    );
    assert!(
        line("off").contains("*.off.test") && line("off").ends_with("disabled"),
        "{listed}"
    );
}

#[test]
fn an_absolute_target_decides_instead_of_the_host_field() {
    let (first, second, edge) = two(|shop| shop.alias("shop.example.test"));
    let request = format!("GET http://shop.example.test/a?b=c HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n");
    edge.sent(request).response().expect(200).body("shop");
    assert_eq!(second.request("/a").path(), "/a");
    assert_eq!(first.all_requests().len(), 0);
}

#[test]
fn absolute_and_origin_form_are_the_same_stored_response() {
    let (_first, _second, edge) = two(|shop| shop);
    edge.sent(format!(
        "GET http://{ALIAS}/a HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"
    ))
    .response()
    .expect(200);
    edge.get("/a").expect(200).cache_status("hit");
}

#[test]
fn connect_is_refused() {
    let (first, _second, edge) = two(|shop| shop);
    let request = format!("CONNECT {ALIAS}:443 HTTP/1.1\r\nHost: {ALIAS}:443\r\n\r\n");
    let response = edge.sent(request).response();
    assert!(
        [400, 403, 405, 501].contains(&response.status()),
        "{response:?}"
    );
    assert_eq!(first.connections(), 0);
}
