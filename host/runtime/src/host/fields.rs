//! Fields as guests read them.

use http::{HeaderMap, HeaderName};

/// The field name that a guest means. `None` for what cannot be a field's name, and so never occurs.
pub(super) fn field_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// The lines of a field as one value (RFC 9110, section 5.3). Cookies are joined by `; ` (RFC 9113, section 8.2.3).
pub(super) fn joined(fields: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut lines = fields.get_all(name).iter();
    let mut value = lines.next()?.as_bytes().to_vec();
    let separator: &[u8] = if name == http::header::COOKIE {
        b"; "
    } else {
        b", "
    };
    for line in lines {
        value.extend_from_slice(separator);
        value.extend_from_slice(line.as_bytes());
    }
    Some(value)
}

pub(super) fn lines(fields: &HeaderMap, name: &HeaderName) -> Vec<Vec<u8>> {
    fields
        .get_all(name)
        .iter()
        .map(|line| line.as_bytes().to_vec())
        .collect()
}

pub(super) fn field_names(fields: &HeaderMap) -> Vec<String> {
    fields.keys().map(|name| name.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::joined;
    use http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn lines_are_joined_as_in_native_tests_of_plugins() {
        for (name, expected) in [("cookie", "a=1; b=2"), ("accept", "a=1, b=2")] {
            let mut fields = HeaderMap::new();
            let header = HeaderName::from_static(name);
            for line in ["a=1", "b=2"] {
                fields.append(&header, HeaderValue::from_static(line));
            }
            let native = selvedge_sdk::Request::builder("GET", "/")
                .field(name, "a=1")
                .field(name, "b=2")
                .build();
            assert_eq!(
                joined(&fields, &header).as_deref(),
                Some(expected.as_bytes())
            );
            assert_eq!(native.field(name).as_deref(), Some(expected.as_bytes()));
        }
    }
}
