//! Pages in pieces: where they end makes no difference, and what is held is bounded.

use super::*;

/// A page of random words of HTML, the same for the same seed.
fn random_page(mut seed: u64) -> String {
    const WORDS: [&str; 28] = [
        "<a href='//old.test/'>",
        "<img srcset=\"//old.test, http://own.test/a 2x",
        "<p id=x src=https://own.test>",
        "<a href=",
        "=",
        "\"",
        "'",
        ">",
        "//old.test",
        "http://",
        "own.test",
        "https://own.test",
        "/",
        " ",
        "<!--",
        "-->",
        "</script>",
        "<script>",
        ",",
        "?",
        "x",
        "<",
        "</",
        "!",
        "-->",
        "cdn.test:8080",
        "</script>",
        "\">",
    ];
    let mut page = String::new();
    for _ in 0..60 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        page.push_str(WORDS[(seed >> 40) as usize % WORDS.len()]);
    }
    page
}

#[test]
fn whatever_a_page_holds_where_pieces_end_makes_no_difference() {
    let mut changed = 0;
    for seed in 0..100 {
        let page = random_page(seed);
        changed += usize::from(rewritten(&page) != page);
    }
    assert!(
        changed > 30,
        "only {changed} of the pages had links to change"
    );
}

#[test]
fn no_page_grows_beyond_what_a_call_may_return() {
    let long = "https://a.name-that-is-long.test";
    let longest = format!("{long}{}", "x".repeat(105 - long.len()));
    let table = |beginning: &str| format!(r#"{{ "hosts": {{ "a.b": "{beginning}" }} }}"#);
    let rules = rules(&table(&longest)).unwrap();
    let mut page = "<img srcset='".to_owned();
    while page.len() < 64 << 10 {
        page.push_str("//a.b, ");
    }
    page.truncate(64 << 10);
    let mut html = Html::new(rules);
    let mut out = Vec::new();
    html.push(page.as_bytes(), &mut out);
    assert!(
        out.len() > 900 << 10 && out.len() <= 1 << 20,
        "{} bytes",
        out.len()
    );
    let error = self::rules(&table(&format!("{longest}x")))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("has 106 bytes: for a name this short it takes 105"),
        "{error}"
    );
}

#[test]
fn of_a_link_no_more_is_held_than_a_host_name() {
    let mut html = Html::new(usual());
    let mut out = Vec::new();
    html.push(b"<a href=\"http://", &mut out);
    let mut most = 0;
    let mut pushed = out.len() + "http://".len();
    for _ in 0..10_000 {
        html.push(b"x", &mut out);
        pushed += 1;
        most = most.max(pushed - out.len());
    }
    assert!((100..=300).contains(&most), "{most} bytes were held");
}
