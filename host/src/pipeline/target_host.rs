//! The viewer's Host as it goes to the origin and into the key: both have the same spelling of it (RFC 3986, section 6.2).

use http::HeaderMap;
use http::header::HOST;
use selvedge_runtime::Scheme;
use std::borrow::Cow;

/// The Host of the request in lower case, without user information and a final dot, and without a port that is the scheme's own; `None`
/// where there is none.
pub(crate) fn normal_host(fields: &HeaderMap, scheme: Scheme) -> Option<Cow<'_, [u8]>> {
    let sent = fields.get(HOST)?.as_bytes();
    let own = match sent.iter().rposition(|byte| *byte == b'@') {
        Some(at) => sent.get(at + 1..).unwrap_or_default(),
        None => sent,
    };
    let (name, port) = split(own);
    let name = name.strip_suffix(b".").unwrap_or(name);
    let usual = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let number = |port: &[u8]| std::str::from_utf8(port).ok()?.parse::<u16>().ok();
    let is_left_out = port.is_none_or(|port| port.is_empty() || number(port) == Some(usual));
    let mut normal = match name.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    };
    if let Some(port) = port.filter(|_| !is_left_out) {
        match number(port) {
            // As it stands in the field, where nothing but the name's case had to be changed.
            Some(number) if !is_plain(port) => {
                normal
                    .to_mut()
                    .extend_from_slice(format!(":{number}").as_bytes());
            }
            _ if matches!(normal, Cow::Borrowed(_)) && name.len() + 1 + port.len() == own.len() => {
                return Some(Cow::Borrowed(own));
            }
            _ => {
                normal.to_mut().push(b':');
                normal.to_mut().extend_from_slice(port);
            }
        }
    }
    Some(normal)
}

/// Name and port. The colons of an IPv6 address are in brackets.
fn split(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    match host.iter().rposition(|byte| matches!(byte, b':' | b']')) {
        Some(at) if host.get(at) == Some(&b':') => {
            let (name, port) = host.split_at(at);
            (name, port.get(1..))
        }
        _ => (host, None),
    }
}

/// Returns true if the number is written as it is, without a sign or leading zeros.
fn is_plain(port: &[u8]) -> bool {
    port.first()
        .is_some_and(|digit| (b'1'..=b'9').contains(digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn hosts_of_one_target_have_one_spelling() {
        for (sent, over_http, over_https) in [
            ("a.shop.test", "a.shop.test", "a.shop.test"),
            ("A.Shop.TEST", "a.shop.test", "a.shop.test"),
            ("a.shop.test:80", "a.shop.test", "a.shop.test:80"),
            ("A.shop.test:443", "a.shop.test:443", "a.shop.test"),
            ("a.shop.test:", "a.shop.test", "a.shop.test"),
            ("a.shop.test:0080", "a.shop.test", "a.shop.test:80"),
            ("a.shop.test:1337", "a.shop.test:1337", "a.shop.test:1337"),
            ("A.shop.test:1337", "a.shop.test:1337", "a.shop.test:1337"),
            ("a.shop.test:01337", "a.shop.test:1337", "a.shop.test:1337"),
            ("me@a.shop.test:80", "a.shop.test", "a.shop.test:80"),
            ("a.shop.test.", "a.shop.test", "a.shop.test"),
            ("a.shop.test.:1337", "a.shop.test:1337", "a.shop.test:1337"),
            ("A.shop.test.:80", "a.shop.test", "a.shop.test:80"),
            ("[::1]", "[::1]", "[::1]"),
            ("[::1]:80", "[::1]", "[::1]:80"),
            (
                "[2001:DB8::1]:8080",
                "[2001:db8::1]:8080",
                "[2001:db8::1]:8080",
            ),
            (
                "a.shop.test:99999",
                "a.shop.test:99999",
                "a.shop.test:99999",
            ),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(HOST, HeaderValue::from_static(sent));
            for (scheme, expected) in [(Scheme::Http, over_http), (Scheme::Https, over_https)] {
                assert_eq!(
                    normal_host(&fields, scheme).as_deref(),
                    Some(expected.as_bytes()),
                    "{sent}"
                );
            }
        }
        assert_eq!(normal_host(&HeaderMap::new(), Scheme::Http), None);
    }
}
