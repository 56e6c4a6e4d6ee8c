//! The transform over pages, in pieces of every size.

mod pieces;

use super::*;

fn rules(table: &str) -> Result<Rc<Rules>> {
    config::set_json(table);
    Ok(Rc::new(Rules::new(config::read()?)?))
}

/// Three hosts: one that moved, one that became the page's own, one that keeps the page's scheme.
fn usual() -> Rc<Rules> {
    let table = r#"{ "hosts": {
        "old.test": "https://new.test", "own.test": "", "cdn.test:8080": "//cdn.new.test" } }"#;
    rules(table).unwrap()
}

fn over<'p>(rules: &Rc<Rules>, pieces: impl IntoIterator<Item = &'p [u8]>) -> String {
    let page = Page(Html::new(rules.clone()));
    String::from_utf8(stream::run(page, pieces).unwrap()).unwrap()
}

/// The page as it becomes, which is the same wherever pieces end.
fn rewritten(page: &str) -> String {
    let rules = usual();
    let whole = over(&rules, [page.as_bytes()]);
    assert_eq!(
        over(&rules, page.as_bytes().chunks(1)),
        whole,
        "byte by byte"
    );
    for at in 0..=page.len() {
        let (before, after) = page.as_bytes().split_at(at);
        assert_eq!(
            over(&rules, [before, after]),
            whole,
            "in two pieces, at {at}"
        );
    }
    whole
}

/// A link as it becomes in an attribute of a page.
fn link(link: &str) -> String {
    let page = rewritten(&format!("<a href=\"{link}\">"));
    page["<a href=\"".len()..page.len() - 2].to_owned()
}

#[test]
fn links_of_the_hosts_begin_anew_and_keep_the_rest() {
    assert_eq!(
        link("http://old.test/a?b=1&amp;c#d"),
        "https://new.test/a?b=1&amp;c#d"
    );
    assert_eq!(link("HTTPS://Old.Test"), "https://new.test");
    assert_eq!(link("//old.test?x"), "https://new.test?x");
    assert_eq!(link(" //old.test#top "), " https://new.test#top ");
    assert_eq!(link("http://cdn.test:8080/x"), "//cdn.new.test/x");
}

#[test]
fn all_other_links_stay_as_they_are() {
    for same in [
        "",
        "/",
        "/path",
        "a",
        "//",
        "http:",
        "https://",
        "http:/old.test/",
        "#old.test",
        "mailto:x@old.test",
        "ftp://old.test/",
        "http://old.test.evil/",
        "http://old.testing/",
        "http://not-old.test/",
        "http://user@old.test/",
        "http://old.test:80/",
        "http://cdn.test/",
        "https://other.test/?to=http://old.test/",
        "h",
        "/old.test",
        "javascript:'//old.test/'",
        "http://old.test\\x",
    ] {
        assert_eq!(link(same), same);
    }
    let long = format!("http://{}/", "old.test.".repeat(100));
    assert_eq!(link(&long), long);
}

#[test]
fn a_link_to_the_own_host_can_not_become_one_to_another() {
    assert_eq!(link("https://own.test/a/b"), "/a/b");
    assert_eq!(link("https://own.test"), "/");
    assert_eq!(link("https://own.test/"), "/");
    assert_eq!(link("https://own.test?x=1"), "/?x=1");
    assert_eq!(link("https://own.test#top"), "/#top");
    for path in [
        "//evil.test/",
        "/\\evil.test/",
        "/&#47;evil.test/",
        "/\t/evil.test/",
        "/\n/evil.test/",
    ] {
        assert_eq!(
            link(&format!("https://own.test{path}")),
            format!("/.{path}")
        );
    }
    assert_eq!(link("https://own.test\t/evil.test"), "/./\t/evil.test");
}

#[test]
fn attributes_count_in_every_spelling() {
    for (before, after) in [
        (
            "<a href='http://old.test/'>",
            "<a href='https://new.test/'>",
        ),
        ("<a href=http://old.test/>", "<a href=https://new.test/>"),
        ("<a href=http://old.test>", "<a href=https://new.test>"),
        (
            "<a href=//old.test class=x>",
            "<a href=https://new.test class=x>",
        ),
        (
            "<A\n HREF\t=\n\"//old.test/\">",
            "<A\n HREF\t=\n\"https://new.test/\">",
        ),
        (
            "<img alt='>' src=\"//old.test/i\"/>",
            "<img alt='>' src=\"https://new.test/i\"/>",
        ),
        (
            "<form action=//old.test/f><button formaction=//old.test/g>",
            "<form action=https://new.test/f><button formaction=https://new.test/g>",
        ),
        ("<br/href=//old.test/>", "<br/href=https://new.test/>"),
        (
            "<a b href=\"//old.test\"c=d>",
            "<a b href=\"https://new.test\"c=d>",
        ),
        ("<<a href=//old.test/>", "<<a href=https://new.test/>"),
    ] {
        assert_eq!(rewritten(before), after);
    }
}

#[test]
fn what_is_no_attribute_that_holds_links_is_left_alone() {
    for same in [
        "http://old.test/ <p>//old.test/</p>",
        "<a title=\"http://old.test/\" data-href='//old.test/'>",
        "<a hrefx=//old.test/ xhref=//old.test/ =href=//old.test/>",
        "< a href=//old.test/>",
        "<a title=href='//old.test/'>",
        "</a href=//old.test/>",
        "<!-- <a href=//old.test/> --><!doctype href=\"//old.test/\"><?x href=\"//old.test/\">",
        "<!--><!-- > -- <a href=//old.test/> --!>",
        "<script>x = '<a href=\"//old.test/\">' // </scripts <a href=//old.test/></script>",
        "<style><a href=//old.test/></style><title><a href=//old.test/></title>",
        "<textarea><a href=//old.test/></textarea></textarea href=//old.test/>",
        "<plaintext></plaintext><a href=//old.test/>",
    ] {
        assert_eq!(rewritten(same), same);
    }
}

#[test]
fn reading_goes_on_behind_comments_and_raw_text() {
    let link = "<a href=//old.test/>";
    for before in [
        "<!-- x -->",
        "<!---->",
        "<!-->",
        "<!--->",
        "<!-- --!>",
        "<!-- - -- --->",
        "<!doctype html>",
        "<!>",
        "<!->",
        "</>",
        "</ x>",
        "<?x>",
        "<script></script>",
        "<SCRIPT>a<b</b></Script >",
        "<script><</script>",
        "<script></script/ x>",
        "<style>\n</style\n>",
        "<scripts>",
        "<p>a < b <",
        "<script src=x></script>",
    ] {
        assert_eq!(
            rewritten(&format!("{before}{link}")),
            format!("{before}<a href=https://new.test/>")
        );
    }
}

#[test]
fn each_link_of_a_list_counts() {
    let srcset = |list: &str| {
        let page = rewritten(&format!("<img srcset=\"{list}\">"));
        page["<img srcset=\"".len()..page.len() - 2].to_owned()
    };
    assert_eq!(
        srcset(
            "//old.test/a.png 1x, http://old.test/b,c.png 2x,//own.test/c 100w ,other.png, //old.test"
        ),
        "https://new.test/a.png 1x, https://new.test/b,c.png 2x,/c 100w ,other.png, https://new.test"
    );
    assert_eq!(
        srcset("//old.test/a, //old.test/b"),
        "https://new.test/a, https://new.test/b"
    );
    assert_eq!(
        srcset("//old.test, //own.test, x"),
        "https://new.test, /, x"
    );
    assert_eq!(
        srcset("a x(//old.test, //old.test) 1x, //old.test/"),
        "a x(//old.test, //old.test) 1x, https://new.test/"
    );
    assert_eq!(
        srcset("a//old.test/,//old.test/ 1x"),
        "a//old.test/,//old.test/ 1x"
    );
}

#[test]
fn a_page_that_breaks_off_keeps_what_it_had() {
    for same in [
        "<a href=\"http://old.test",
        "<a href=//",
        "<a hre",
        "<",
        "<!-",
        "<script></scr",
        "<a href=\"ht",
    ] {
        assert_eq!(rewritten(same), same);
    }
    assert_eq!(rewritten("<a href=\"https://own.test/"), "<a href=\"/");
}

#[test]
fn bytes_that_are_no_text_pass() {
    let page: Vec<u8> = (0..=255).cycle().take(4096).collect();
    for size in [1, 7, 4096] {
        let same = stream::run(Page(Html::new(usual())), page.chunks(size));
        assert_eq!(same, Ok(page.clone()));
    }
}

fn decide(response: Response) -> OriginResponseDecision {
    config::set_json(r#"{ "hosts": { "old.test": "https://new.test" } }"#);
    init(config::read().unwrap()).unwrap();
    on_origin_response(&Request::builder("GET", "/").build(), &response).unwrap()
}

#[test]
fn only_plain_html_is_changed() {
    let of = |kind: &str| Response::builder(200).field("Content-Type", kind);
    for kind in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "text/html;charset=ISO-8859-1",
    ] {
        assert!(
            matches!(
                decide(of(kind).build()),
                OriginResponseDecision::Transform(..)
            ),
            "{kind}"
        );
    }
    let identity = of("text/html")
        .field("Content-Encoding", "identity")
        .build();
    assert!(matches!(
        decide(identity),
        OriginResponseDecision::Transform(..)
    ));
    for kind in [
        "text/htmlx",
        "application/xhtml+xml",
        "text/plain",
        "text/html; charset=UTF-16LE",
        "",
    ] {
        assert!(
            matches!(decide(of(kind).build()), OriginResponseDecision::Next),
            "{kind}"
        );
    }
    assert!(matches!(
        decide(Response::builder(200).build()),
        OriginResponseDecision::Next
    ));
}

#[test]
fn a_compressed_page_passes_and_is_counted() {
    let packed = Response::builder(200)
        .field("Content-Type", "text/html")
        .field("Content-Encoding", "gzip");
    assert!(matches!(
        decide(packed.build()),
        OriginResponseDecision::Next
    ));
    assert_eq!(metrics::counted("encoded_pages"), 1);
}

#[test]
fn redirections_lead_to_the_new_host() {
    let to = |location: &str| decide(Response::builder(301).field("Location", location).build());
    let OriginResponseDecision::Edit(edits) = to("http://old.test/a") else {
        panic!("it edits")
    };
    assert_eq!(
        edits,
        ResponseEdits::new().set("Location", "https://new.test/a")
    );
    assert!(matches!(
        to("http://other.test/a"),
        OriginResponseDecision::Next
    ));
    assert!(matches!(to("/a"), OriginResponseDecision::Next));
    let page = Response::builder(302)
        .field("Location", "//old.test")
        .field("Content-Type", "text/html")
        .build();
    let OriginResponseDecision::Transform(edits, _) = decide(page) else {
        panic!("it transforms")
    };
    assert_eq!(
        edits,
        ResponseEdits::new().set("Location", "https://new.test")
    );
    let left = rules(r#"{ "hosts": { "old.test": "" }, "location": false }"#).unwrap();
    let response = Response::builder(301)
        .field("Location", "http://old.test/")
        .build();
    assert_eq!(location(&response, &left), None);
}

#[test]
fn of_the_fields_location_alone_is_changed_as_the_readme_says() {
    for (name, value) in [
        ("Link", "<http://old.test/a.css>; rel=preload"),
        ("Refresh", "0; url=http://old.test/"),
        ("Content-Location", "http://old.test/a"),
    ] {
        let left = decide(Response::builder(200).field(name, value).build());
        assert!(matches!(left, OriginResponseDecision::Next), "{name}");
        let readme = include_str!("../README.md");
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_configuration_that_can_not_work_is_refused() {
    let refusal = |table: &str| rules(table).err().expect("it is refused").to_string();
    assert!(refusal("{}").contains("missing field `hosts`"));
    assert!(refusal(r#"{ "hosts": {} }"#).contains("names no host"));
    assert!(refusal(r#"{ "hosts": { "https://old.test": "" } }"#).contains("it takes a host name"));
    assert!(refusal(r#"{ "hosts": { "old.test": "https://new.test/x" } }"#).contains("no path"));
    assert!(refusal(r#"{ "hosts": { "old.test": "new.test" } }"#).contains("no path"));
    assert!(
        refusal(r#"{ "hosts": { "old.test": "" }, "attributes": [""] }"#)
            .contains("no attribute's name")
    );
    assert!(refusal(r#"{ "host": { "old.test": "" } }"#).contains("unknown field `host`"));
    let own = rules(r#"{ "hosts": { "old.test": "" }, "attributes": ["Data-Src"] }"#).unwrap();
    let page = over(&own, [&b"<img data-src=//old.test/a src=//old.test/a>"[..]]);
    assert_eq!(page, "<img data-src=/a src=//old.test/a>");
}
