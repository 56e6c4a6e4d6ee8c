//! Cookies of a request, as opaque bytes (RFC 9110, section 5.5): a value need not be text, and a pair need not have an `=`.

use http::HeaderMap;
use http::header::COOKIE;
use std::borrow::Cow;

/// One cookie as it was sent, without white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie<'a> {
    /// All its bytes.
    pub(crate) pair: &'a [u8],
    /// The bytes before the `=`, or all of them.
    pub(crate) name: &'a [u8],
    /// The bytes behind the `=`; `None` without one.
    pub(crate) value: Option<&'a [u8]>,
}

/// A request's cookies in the order in which they were sent, those of several lines one after the other.
pub(crate) fn cookies(fields: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    fields
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => Cookie {
                pair,
                name: pair.get(..equals).unwrap_or(pair).trim_ascii_end(),
                value: pair.get(equals + 1..),
            },
            None => Cookie {
                pair,
                name: pair,
                value: None,
            },
        })
}

/// All cookies as the viewer sent them; `None` without a Cookie field. Several lines become one (RFC 9113, section 8.2.3).
pub(crate) fn all(fields: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let mut lines = fields.get_all(COOKIE).iter().map(|line| line.as_bytes());
    let first = lines.next()?;
    let mut joined = Cow::Borrowed(first);
    for line in lines {
        let joined = joined.to_mut();
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line);
    }
    Some(joined)
}

/// The chosen cookies, each as the viewer sent it; `None` where none is.
pub(crate) fn chosen(fields: &HeaderMap, is_chosen: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut line: Option<Vec<u8>> = None;
    for cookie in cookies(fields).filter(|cookie| is_chosen(cookie.name)) {
        match &mut line {
            Some(line) => {
                line.extend_from_slice(b"; ");
                line.extend_from_slice(cookie.pair);
            }
            None => line = Some(cookie.pair.to_vec()),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn fields(lines: &[&[u8]]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(COOKIE, HeaderValue::from_bytes(line).expect("a value"));
        }
        fields
    }

    #[test]
    fn a_cookie_is_bytes_with_or_without_a_value() {
        let fields = fields(&[b"flag; city=Z\xfcrich;;sid =a=b; empty="]);
        let seen: Vec<_> = cookies(&fields)
            .map(|cookie| (cookie.name, cookie.value))
            .collect();
        assert_eq!(
            seen,
            [
                (&b"flag"[..], None),
                (b"city", Some(&b"Z\xfcrich"[..])),
                (b"sid", Some(b"a=b")),
                (b"empty", Some(b"")),
            ]
        );
    }

    #[test]
    fn all_cookies_go_as_they_came_and_several_lines_become_one() {
        let one = fields(&[b"flag;sid=1 ;; x"]);
        assert!(matches!(all(&one), Some(Cow::Borrowed(b"flag;sid=1 ;; x"))));
        let two = fields(&[b"flag", b"sid=1"]);
        assert_eq!(all(&two).as_deref(), Some(&b"flag; sid=1"[..]));
        assert_eq!(all(&HeaderMap::new()), None);
    }

    #[test]
    fn chosen_cookies_keep_their_order_and_their_spelling() {
        let fields = fields(&[b"flag; a=1", b"b=\xff; a"]);
        let chosen = |names: &[&[u8]]| chosen(&fields, |name| names.contains(&name));
        assert_eq!(
            chosen(&[b"flag", b"b"]).as_deref(),
            Some(&b"flag; b=\xff"[..])
        );
        assert_eq!(chosen(&[b"a"]).as_deref(), Some(&b"a=1; a"[..]));
        assert_eq!(chosen(&[b"c"]), None);
    }
}
