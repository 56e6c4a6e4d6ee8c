//! The normal form of request fields that Vary nominates: the name is the first line, the field's lines are the others.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use selvedge_caching::normal_form;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(name) = lines
        .next()
        .and_then(|name| HeaderName::from_bytes(name).ok())
    else {
        return;
    };
    let mut fields = HeaderMap::new();
    // As fields arrive: without white space around them. Empty lines say nothing.
    for line in lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(32)
    {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            fields.append(name.clone(), value);
        }
    }
    let Some(normal) = normal_form(&name, &fields) else {
        assert!(!fields.contains_key(&name));
        return;
    };
    // A quoted string that does not end in its line may end in the next one, once the lines are one list.
    if normal.contains(&b'"') {
        return;
    }
    let value = HeaderValue::from_bytes(&normal).expect("a normal form is a field value");
    let again = HeaderMap::from_iter([(name.clone(), value)]);
    let twice = normal_form(&name, &again).map(|normal| normal.into_owned());
    assert_eq!(
        twice.as_deref(),
        Some(&*normal),
        "the normal form of a normal form is itself"
    );
});
