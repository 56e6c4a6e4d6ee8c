//! The normal form of a query: what it says, in one spelling.

use crate::settings::Settings;

/// A parameter in its normal spelling, and its decoded name.
struct Parameter {
    name: String,
    spelled: String,
}

/// The query in its normal form; empty where nothing of it is left.
///
/// The text between two `&` stays a unit: parameters of one name keep their order and their number, and a value is never
/// changed but for how it is percent-encoded.
pub(crate) fn normal(query: &str, settings: &Settings) -> String {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let mut parameters: Vec<Parameter> = parts
        .filter_map(|part| parameter(part, settings))
        .filter(|parameter| settings.names.keep(&parameter.name))
        .collect();
    if settings.sort {
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let spelled: Vec<String> = parameters
        .into_iter()
        .map(|parameter| parameter.spelled)
        .collect();
    spelled.join("&")
}

fn parameter(part: &str, settings: &Settings) -> Option<Parameter> {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (part, None),
    };
    if settings.drop_empty && value.is_none_or(str::is_empty) {
        return None;
    }
    let mut spelled = respelled(name, settings.lower_case_names);
    let name = decoded(&spelled);
    if let Some(value) = value {
        spelled.push('=');
        spelled.push_str(&respelled(value, false));
    }
    Some(Parameter { name, spelled })
}

/// A text with one percent-encoding: what need not be encoded is not, what must be is, and the digits are in upper
/// case (RFC 3986, sections 6.2.2.1 and 6.2.2.2). A `%` that begins no encoding becomes `%25`, which is what decoders take it
/// for. `+` and `%20`, which only forms take for the same, stay apart.
fn respelled(text: &str, lower_case: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = (first == b'%').then(|| escaped(after)).flatten();
        if escaped.is_some() {
            rest = after.get(2..).unwrap_or_default();
        }
        let byte = escaped.unwrap_or(first);
        let byte = match lower_case {
            true => byte.to_ascii_lowercase(),
            false => byte,
        };
        let plain = match escaped {
            Some(_) => is_unreserved(byte),
            None => is_in_a_query(byte),
        };
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Characters that stay in a query as they are. They are more than RFC 3986 has, since viewers send them and the host takes them.
fn is_in_a_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'%' | b'<' | b'>')
}

/// A name as the host compares it: percent-decoded, `+` read as a space.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, escaped(after)) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
