//! The hooks as plain functions: no host, no WebAssembly.

use super::*;
use crate::device::CLASSES;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const ANDROID_PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
const ANDROID_TABLET: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const OLD_IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Version/12.1.2 Mobile/15E148 Safari/604.1";
const TV: &str =
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 Version/7.0 TV Safari/537.36";
const MOBILE_CRAWLER: &str = "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const CUBOT_PHONE: &str = "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36";
const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// Takes a configuration, as the host does for each instance.
fn configured(json: &str) -> Result<()> {
    config::set_json(json);
    read_configuration(config::read()?)
}

fn refusal(json: &str) -> String {
    configured(json).unwrap_err().to_string()
}

fn request(fields: &[(&str, &str)]) -> Request {
    let begun = Request::builder("GET", "/");
    let add = |built: selvedge_sdk::RequestBuilder, (name, value): &(&str, &str)| {
        built.field(name, value)
    };
    fields.iter().fold(begun, add).build()
}

fn class(agent: &str, hint: Option<&[u8]>) -> Device {
    device::classify(&agent.to_ascii_lowercase(), hint, &CLASSES)
}

fn best<'l>(accept: &str, languages: &'l [String]) -> &'l str {
    language::best(accept, languages, &languages[0])
}

fn tags(languages: &[&str]) -> Vec<String> {
    languages.iter().map(|tag| (*tag).to_owned()).collect()
}

#[test]
fn devices_are_known_by_what_they_call_themselves() {
    for (agent, expected) in [
        (IPHONE, Device::Phone),
        (ANDROID_PHONE, Device::Phone),
        (CUBOT_PHONE, Device::Phone),
        (ANDROID_TABLET, Device::Tablet),
        (OLD_IPAD, Device::Tablet),
        (TV, Device::Tv),
        (MOBILE_CRAWLER, Device::Bot),
        (LINUX, Device::Desktop),
        ("curl/8.5.0", Device::Desktop),
        ("", Device::Desktop),
    ] {
        assert_eq!(class(agent, None), expected, "{agent}");
    }
}

#[test]
fn the_hint_says_more_than_the_user_agent() {
    assert_eq!(class(LINUX, Some(b"?1")), Device::Phone);
    assert_eq!(class(ANDROID_PHONE, Some(b"?0")), Device::Desktop);
    assert_eq!(class(ANDROID_TABLET, Some(b"?0")), Device::Tablet);
    assert_eq!(class(IPHONE, Some(b"yes")), Device::Phone);
}

#[test]
fn what_is_not_told_apart_is_a_desktop_and_a_bot_is_what_it_pretends_to_be() {
    let agent = |agent: &str| device::classify(&agent.to_ascii_lowercase(), None, &[Device::Phone]);
    assert_eq!(agent(ANDROID_TABLET), Device::Desktop);
    assert_eq!(agent(TV), Device::Desktop);
    assert_eq!(agent(MOBILE_CRAWLER), Device::Phone);
}

#[test]
fn the_language_of_the_highest_quality_wins() {
    let languages = tags(&["en", "de", "fr"]);
    assert_eq!(best("fr;q=0.5, de;q=0.9, en;q=0.1", &languages), "de");
    assert_eq!(best("fr, de", &languages), "fr");
    assert_eq!(best("DE", &languages), "de");
    assert_eq!(best("it, es;q=0.9, fr;q=0.001", &languages), "fr");
}

#[test]
fn a_regional_language_falls_back_to_its_parent_and_a_plain_one_finds_a_region() {
    let languages = tags(&["en", "de", "pt-BR", "zh-Hant-TW"]);
    assert_eq!(best("de-CH-1996", &languages), "de");
    assert_eq!(best("pt", &languages), "pt-BR");
    assert_eq!(best("zh-Hant", &languages), "zh-Hant-TW");
    assert_eq!(best("pt-PT, de;q=0.5", &languages), "de");
    assert_eq!(best("de-x-private", &languages), "de");
}

#[test]
fn what_fits_nothing_is_the_default() {
    let languages = tags(&["en", "de"]);
    for accept in [
        "",
        "it",
        "*",
        ",,;q=1",
        "de;q=2",
        "de;q=0.1234",
        "de;q=x",
        "deutsch",
    ] {
        assert_eq!(best(accept, &languages), "en", "{accept}");
    }
    assert_eq!(language::best("it, *;q=0.1", &languages, "de"), "de");
}

#[test]
fn what_has_quality_zero_is_not_taken() {
    let languages = tags(&["en", "en-GB", "de"]);
    assert_eq!(best("en;q=0, *;q=0.5", &languages), "de");
    assert_eq!(best("en-GB, en;q=0", &languages), "en-GB");
    assert_eq!(best("*;q=0", &languages), "en");
}

#[test]
fn only_the_first_members_of_a_hostile_field_count() {
    let languages = tags(&["en", "de"]);
    let hostile = format!("{}de", "xx,".repeat(200));
    assert_eq!(best(&hostile, &languages), "en");
    configured(r#"{ "devices": [], "languages": ["en", "de"] }"#).unwrap();
    let long = request(&[("Accept-Language", &"a".repeat(100_000))]);
    assert_eq!(
        key(&long),
        Ok(KeyDecision::extend([KeyPart::literal("language=en")]))
    );
}

#[test]
fn the_key_holds_classes_and_not_the_fields() {
    configured(r#"{ "devices": ["phone", "tablet"], "languages": ["en", "de"] }"#).unwrap();
    let viewer = request(&[
        ("User-Agent", IPHONE),
        ("Accept-Language", "de-AT,de;q=0.9"),
    ]);
    let parts = [
        KeyPart::literal("device=phone"),
        KeyPart::literal("language=de"),
    ];
    assert_eq!(key(&viewer), Ok(KeyDecision::extend(parts)));
    assert_eq!(on_viewer_request(&viewer), Ok(ViewerRequestDecision::Next));
}

#[test]
fn without_a_configuration_phones_and_the_rest_are_told_apart() {
    configured("null").unwrap();
    let of = |agent| key(&request(&[("User-Agent", agent)]));
    assert_eq!(
        of(IPHONE),
        Ok(KeyDecision::extend([KeyPart::literal("device=phone")]))
    );
    assert_eq!(
        of(ANDROID_TABLET),
        Ok(KeyDecision::extend([KeyPart::literal("device=desktop")]))
    );
}

#[test]
fn what_the_origin_is_told_is_what_is_in_the_key() {
    configured(r#"{ "languages": ["en", "de"], "to_origin": true }"#).unwrap();
    let viewer = request(&[
        ("User-Agent", IPHONE),
        ("Accept-Language", "de"),
        ("X-Device", "whatever"),
    ]);
    let edits = RequestEdits::new()
        .set("X-Device", "phone")
        .set("X-Language", "de");
    assert_eq!(on_viewer_request(&viewer), Ok(edits.into()));
    let edited = request(&[("X-Device", "phone"), ("X-Language", "de")]);
    let parts = [KeyPart::field("X-Device"), KeyPart::field("X-Language")];
    assert_eq!(key(&edited), Ok(KeyDecision::extend(parts)));
}

#[test]
fn a_class_that_a_viewer_made_up_is_an_error_and_no_variant() {
    configured(r#"{ "to_origin": true }"#).unwrap();
    for made_up in [
        request(&[("X-Device", "x")]),
        request(&[]),
        request(&[("X-Device", "tv")]),
    ] {
        let error = key(&made_up).unwrap_err().to_string();
        assert!(error.contains("must include viewer-request"), "{error}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_the_way_out() {
    for (json, expected) in [
        (
            r#"{ "devices": ["mobile"] }"#,
            "\"mobile\"; there are phone, tablet, tv, bot",
        ),
        (r#"{ "devices": [] }"#, "nothing to put into the key"),
        (
            r#"{ "languages": ["en", "de_CH"] }"#,
            "\"de_CH\", which is no language tag",
        ),
        (r#"{ "languages": ["en", "EN"] }"#, "\"EN\" twice"),
        (
            r#"{ "languages": ["en"], "default_language": "de" }"#,
            "not among `languages`: en",
        ),
        (
            r#"{ "device_field": "X Device" }"#,
            "`device_field` is \"X Device\"",
        ),
        (r#"{ "device_field": "x-language" }"#, "are both"),
        (
            r#"{ "device_field": "X-Edge-Device" }"#,
            "`device_field` is \"X-Edge-Device\", which no plugin may change",
        ),
        (
            r#"{ "language_field": "Host" }"#,
            "`language_field` is \"Host\", which no plugin may change",
        ),
        (
            r#"{ "langauges": ["en"] }"#,
            "unknown field `langauges`, expected one of `devices`",
        ),
    ] {
        let refused = refusal(json);
        assert!(refused.contains(expected), "{json}: {refused}");
    }
    let many: Vec<String> = (0..33).map(|n| format!("\"l{n}\"")).collect();
    let refused = refusal(&format!("{{ \"languages\": [{}] }}", many.join(",")));
    assert!(refused.contains("has 33; it may have 32"), "{refused}");
}
