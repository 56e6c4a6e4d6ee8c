//! The hooks as plain functions.

use std::collections::BTreeSet;

use super::*;

fn configured(table: &str) -> Result<()> {
    config::set_json(table);
    init(config::read()?)
}

fn image(target: &str, fields: &[(&str, &str)]) -> Request {
    with_key(target, fields, None)
}

fn with_key(target: &str, fields: &[(&str, &str)], key: Option<&str>) -> Request {
    let request = Request::builder("GET", target);
    let request = fields
        .iter()
        .fold(request, |request, (name, value)| request.field(name, value));
    match key {
        Some(key) => request.cache_key(key).build(),
        None => request.build(),
    }
}

/// The variant in the key; `None` where the policy's key stays.
fn variant(target: &str, fields: &[(&str, &str)]) -> Option<String> {
    match key(&image(target, fields)).unwrap() {
        KeyDecision::Policy => None,
        KeyDecision::Extend(parts) => match &parts[..] {
            [KeyPart::Literal(text)] => Some(String::from_utf8(text.clone()).unwrap()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn format_for(accept: &str) -> String {
    variant("/a.jpg", &[("Accept", accept)]).unwrap()
}

/// Path and query as the origin sees them.
fn asked(target: &str, fields: &[(&str, &str)]) -> String {
    let request = image(target, fields);
    let OriginRequestDecision::Edit(edits) = on_origin_request(&request).unwrap() else {
        panic!("it edits")
    };
    let path = edits.path.unwrap_or(request.path());
    match edits.query.or(request.query()) {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path,
    }
}

const CHROME: (&str, &str) = (
    "Accept",
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
);

#[test]
fn the_best_format_that_the_viewer_names_is_chosen() {
    configured("{}").unwrap();
    assert_eq!(format_for(CHROME.1), "image:avif");
    assert_eq!(format_for("image/webp, image/avif;q=0.9"), "image:avif");
    assert_eq!(format_for("image/png,image/WebP;q=0.5,*/*"), "image:webp");
    for accept in [
        "image/*,*/*",
        "image/png",
        "",
        "image/avif;q=0",
        "image/webp; q=0.000",
        "image/avifs",
        "avif",
        "text/html",
    ] {
        assert_eq!(format_for(accept), "image:as-it-is", "{accept}");
    }
    assert_eq!(variant("/a.jpg", &[]).as_deref(), Some("image:as-it-is"));
}

#[test]
fn only_images_have_variants() {
    configured("{}").unwrap();
    for target in ["/a.jpg", "/A.JPEG", "/x/b.png?c"] {
        assert_eq!(
            variant(target, &[CHROME]).as_deref(),
            Some("image:avif"),
            "{target}"
        );
    }
    for target in ["/", "/a.jpg/b", "/jpg", "/a.svg", "/a.html?x=.jpg"] {
        assert_eq!(variant(target, &[CHROME]), None, "{target}");
        assert_eq!(
            on_origin_request(&image(target, &[CHROME])),
            Ok(OriginRequestDecision::Next)
        );
    }
    let post = Request::builder("POST", "/a.jpg")
        .field("Accept", "image/avif")
        .build();
    assert_eq!(key(&post), Ok(KeyDecision::Policy));
}

#[test]
fn widths_go_up_to_the_next_step_and_no_further_than_the_last() {
    configured(r#"{ "widths": [320, 640], "formats": [] }"#).unwrap();
    let of = |name: &str, value: &str| variant("/a.jpg", &[(name, value)]).unwrap();
    for (value, expected) in [
        ("1", "320w"),
        ("320", "320w"),
        ("320.2", "640w"),
        ("321", "640w"),
        ("640", "640w"),
        ("641", "640w"),
        ("1e300", "640w"),
        ("inf", "640w"),
    ] {
        assert_eq!(
            of("Sec-CH-Width", value),
            format!("image:as-it-is,{expected}"),
            "{value}"
        );
        assert_eq!(
            of("Width", value),
            format!("image:as-it-is,{expected}"),
            "{value}"
        );
    }
    for value in ["0", "-5", "NaN", "", "wide", "320, 640"] {
        assert_eq!(of("Width", value), "image:as-it-is", "{value}");
    }
}

#[test]
fn the_pages_own_width_counts_in_pixels_of_the_screen() {
    configured(r#"{ "widths": [320, 640, 960], "asked_width": "w", "formats": [] }"#).unwrap();
    let of = |target: &str, fields: &[(&str, &str)]| variant(target, fields).unwrap();
    assert_eq!(of("/a.jpg?w=300", &[]), "image:as-it-is,320w");
    assert_eq!(
        of("/a.jpg?w=300", &[("Sec-CH-DPR", "2.0")]),
        "image:as-it-is,640w"
    );
    assert_eq!(
        of("/a.jpg?w=300", &[("DPR", "3"), ("Width", "10")]),
        "image:as-it-is,960w"
    );
    assert_eq!(of("/a.jpg?w=x", &[("Width", "10")]), "image:as-it-is,320w");
}

#[test]
fn densities_count_where_no_width_is_known() {
    configured(r#"{ "widths": [640], "densities": [1, 1.5, 2], "formats": [] }"#).unwrap();
    let of = |fields: &[(&str, &str)]| variant("/a.jpg", fields).unwrap();
    for (density, step) in [
        ("0.5", "1x"),
        ("1", "1x"),
        ("1.25", "1.5x"),
        ("1.5", "1.5x"),
        ("2", "2x"),
        ("9", "2x"),
        ("1e99", "2x"),
    ] {
        assert_eq!(
            of(&[("DPR", density)]),
            format!("image:as-it-is,{step}"),
            "{density}"
        );
    }
    assert_eq!(of(&[("DPR", "2"), ("Width", "500")]), "image:as-it-is,640w");
}

#[test]
fn whatever_viewers_send_there_are_no_more_variants_than_the_configuration_has() {
    configured(r#"{ "widths": [320, 640], "densities": [1, 2], "asked_width": "w" }"#).unwrap();
    let accepts = [
        "",
        "image/avif",
        "image/webp",
        "image/webp;q=0,image/avif;q=0.1",
        "x",
        "image/avif;image/webp,,;q",
        "*/*",
    ];
    let numbers = [
        "", "0", "1", "319.5", "1000", "-1", "nan", "1e9", "\u{e9}", "0x10",
    ];
    let mut seen = BTreeSet::new();
    for accept in accepts {
        for width in numbers {
            for density in numbers {
                for asked in numbers {
                    let target = format!("/a.png?w={asked}");
                    let fields = [
                        ("Accept", accept),
                        ("Sec-CH-Width", width),
                        ("Sec-CH-DPR", density),
                    ];
                    seen.insert(variant(&target, &fields).unwrap());
                }
            }
        }
    }
    assert_eq!(seen.len(), 3 * (2 + 2 + 1), "{seen:?}");
}

#[test]
fn the_origin_is_told_by_parameters_and_gets_no_others_of_these_names() {
    configured(r#"{ "asked_width": "w" }"#).unwrap();
    assert_eq!(asked("/a.jpg", &[CHROME]), "/a.jpg?format=avif");
    assert_eq!(
        asked("/a.jpg?v=%20x&", &[CHROME, ("Width", "500")]),
        "/a.jpg?v=%20x&format=avif&width=640"
    );
    assert_eq!(
        asked(
            "/a.jpg?w=100&width=99999&v=1&format=bmp&w%69dth=7&dpr=9",
            &[]
        ),
        "/a.jpg?v=1&width=320"
    );
    assert_eq!(asked("/a.jpg?format=bmp", &[]), "/a.jpg");
    assert_eq!(asked("/a.jpg?v=1", &[]), "/a.jpg?v=1");
    configured(
        r#"{ "densities": [2], "widths": [], "format_parameter": "fm", "density_parameter": "d" }"#,
    )
    .unwrap();
    assert_eq!(
        asked("/a.jpg?format=x", &[CHROME, ("DPR", "1.7")]),
        "/a.jpg?format=x&fm=avif&d=2"
    );
}

#[test]
fn the_origin_is_told_by_the_path() {
    configured(r#"{ "ask": "path", "densities": [1.5] }"#).unwrap();
    assert_eq!(
        asked("/a.jpg?format=x", &[CHROME, ("Width", "500")]),
        "/a.jpg@640w.avif?format=x"
    );
    assert_eq!(asked("/a.jpg", &[("DPR", "1")]), "/a.jpg@1.5x");
    assert_eq!(asked("/a.jpg", &[]), "/a.jpg");
}

#[test]
fn nothing_is_stored_as_a_variant_that_it_is_not() {
    configured("{}").unwrap();
    let ask =
        |key: &str| on_origin_request(&with_key("/a.jpg", &[CHROME, ("Width", "500")], Some(key)));
    assert!(ask("distribution=d path=/a.jpg literal=other literal=image:avif,640w").is_ok());
    for key in [
        "distribution=d path=/a.jpg literal=image:avif",
        "distribution=d path=/a.jpg literal=image:avif,640w0",
        "distribution=d path=/a.jpg",
    ] {
        let error = ask(key).unwrap_err().to_string();
        assert!(
            error.contains("does not have `literal=image:avif,640w`")
                && error.contains("`forward`"),
            "{error}"
        );
    }
}

const KEY: &str = "distribution=d path=/a.jpg literal=image:avif";

#[test]
fn what_the_key_stands_for_is_taken_out_of_vary_before_it_is_stored() {
    configured("{}").unwrap();
    let edited = |vary: &str, key: &str| {
        let response = Response::builder(200).field("Vary", vary).build();
        match on_origin_response(&with_key("/a.jpg", &[], Some(key)), &response).unwrap() {
            OriginResponseDecision::Next => None,
            OriginResponseDecision::Edit(edits) => Some(edits),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        edited("Accept", KEY),
        Some(ResponseEdits::new().remove("Vary"))
    );
    assert_eq!(
        edited("accept, Sec-CH-Width,Width", KEY),
        Some(ResponseEdits::new().remove("Vary"))
    );
    assert_eq!(
        edited("Accept-Encoding, Accept", KEY),
        Some(ResponseEdits::new().set("Vary", "Accept-Encoding"))
    );
    assert_eq!(
        edited("Accept, DPR", KEY),
        Some(ResponseEdits::new().set("Vary", "DPR")),
        "no density is in this key"
    );
    assert_eq!(edited("*", KEY), None);
    assert_eq!(edited("Origin", KEY), None);
    assert_eq!(edited("Accept", "distribution=d path=/a.html"), None);
}

#[test]
fn viewers_are_told_what_the_choice_depends_on() {
    configured(r#"{ "densities": [2] }"#).unwrap();
    let edited = |vary: &str, key: &str| {
        let response = Response::builder(200).field("Vary", vary).build();
        match on_viewer_response(&with_key("/a.jpg", &[], Some(key)), &response).unwrap() {
            ViewerResponseDecision::Edit(edits) => Some(edits),
            _ => None,
        }
    };
    let told = |vary: &str| Some(ResponseEdits::new().append("Vary", vary));
    assert_eq!(
        edited("", KEY),
        told("Accept, Sec-CH-Width, Width, Sec-CH-DPR, DPR")
    );
    assert_eq!(
        edited("Origin, accept,DPR", KEY),
        told("Sec-CH-Width, Width, Sec-CH-DPR")
    );
    assert_eq!(edited("*", KEY), None);
    assert_eq!(edited("", "distribution=d path=/a.html"), None);
}

#[test]
fn every_path_may_be_that_of_an_image() {
    configured(r#"{ "extensions": ["*"] }"#).unwrap();
    let of = |target: &str| variant(target, &[("Accept", "image/webp")]);
    assert_eq!(of("/images/4711").as_deref(), Some("image:webp"));
    assert_eq!(of("/a.jpg").as_deref(), Some("image:webp"));
    let upload = Request::builder("POST", "/images/4711").build();
    assert_eq!(key(&upload), Ok(KeyDecision::Policy));
}

#[test]
fn a_configuration_that_is_wrong_is_refused() {
    let refusal = |table: &str| configured(table).unwrap_err().to_string();
    assert!(refusal(r#"{ "formats": ["image/webp"] }"#).contains("`formats` has \"image/webp\""));
    assert!(refusal(r#"{ "extensions": [".jpg"] }"#).contains("`extensions` has \".jpg\""));
    assert!(refusal(r#"{ "extensions": [] }"#).contains("nothing to do"));
    assert!(refusal(r#"{ "extensions": ["*", "jpg"] }"#).contains("\"*\" is all paths"));
    assert!(refusal(r#"{ "formats": [], "widths": [] }"#).contains("nothing to do"));
    assert!(refusal(r#"{ "widths": [640, 320] }"#).contains("each step larger"));
    assert!(refusal(r#"{ "widths": [0] }"#).contains("1 to 16384"));
    assert!(refusal(r#"{ "densities": [2, 2] }"#).contains("each step larger"));
    assert!(refusal(r#"{ "densities": [9] }"#).contains("0.5 to 8"));
    assert!(refusal(r#"{ "widths": [], "asked_width": "w" }"#).contains("needs `widths`"));
    assert!(refusal(r#"{ "width_parameter": "a b" }"#).contains("\"a b\" is no parameter's name"));
    let many: Vec<u32> = (1..=33).collect();
    assert!(refusal(&format!(r#"{{ "widths": {many:?} }}"#)).contains("102 variants"));
    assert!(refusal(r#"{ "step": [] }"#).contains("unknown field `step`"));
}
