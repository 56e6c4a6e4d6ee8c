//! Conditional requests that the cache answers (RFC 9110, section 13; RFC 9111, section 4.3.2).
//!
//! Evaluated when a stored response has been selected and may be used, before ranges. Of the five steps of RFC 9110,
//! section 13.2.2, the first two (If-Match, If-Unmodified-Since) are an origin's: they are about the current state, which a
//! cache does not know, and RFC 9111, section 4.3.2, says that they are not applicable to a cache. Steps three and four are
//! here; the fifth, If-Range, is in `ranges`.

use crate::date::parse_http_date;
use crate::etag::{EntityTag, TagList};
use crate::message::Request;
use crate::time::Time;
use http::header::{DATE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, Method, StatusCode};

/// The outcome of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precondition {
    /// The response as it is.
    Proceed,
    /// 304 (Not Modified): the viewer's copy will do.
    NotModified,
    /// 412 (Precondition Failed): a condition that is false, of a method other than GET and HEAD.
    Failed,
}

impl Precondition {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Precondition::Proceed => "proceed",
            Precondition::NotModified => "not-modified",
            Precondition::Failed => "precondition-failed",
        }
    }
}

/// Evaluates a request's conditions on the stored response that was selected for it (RFC 9110, section 13.2.2): `status`
/// and `fields` are that response's.
///
/// Conditions count for a successful response only, and not for CONNECT, OPTIONS and TRACE (section 13.2.1).
pub fn evaluate_preconditions(
    request: &Request<'_>,
    status: StatusCode,
    fields: &HeaderMap,
) -> Precondition {
    let no_representation = matches!(
        *request.method,
        Method::CONNECT | Method::OPTIONS | Method::TRACE
    );
    if no_representation || !status.is_success() {
        return Precondition::Proceed;
    }
    let reads = matches!(*request.method, Method::GET | Method::HEAD);
    match none_match(request.fields, fields) {
        Some(true) => Precondition::Proceed,
        Some(false) if reads => Precondition::NotModified,
        Some(false) => Precondition::Failed,
        None if reads && modified_since(request.fields, fields) == Some(false) => {
            Precondition::NotModified
        }
        None => Precondition::Proceed,
    }
}

/// If-None-Match (section 13.1.2): whether no tag is the response's, by the weak comparison; `None` without the field.
fn none_match(asked: &HeaderMap, stored: &HeaderMap) -> Option<bool> {
    Some(match TagList::of(asked, &IF_NONE_MATCH)? {
        TagList::Any => false,
        TagList::Tags(tags) => {
            let current = EntityTag::of(stored);
            !current.is_some_and(|current| tags.iter().any(|tag| tag.weak_eq(&current)))
        }
    })
}

/// If-Modified-Since (section 13.1.3): whether the response was modified later; `None` without one date to compare with.
/// Without Last-Modified the response's Date counts (RFC 9111, section 4.3.2).
fn modified_since(asked: &HeaderMap, stored: &HeaderMap) -> Option<bool> {
    let since = only_date(asked, &IF_MODIFIED_SINCE)?;
    let modified = only_date(stored, &LAST_MODIFIED).or_else(|| only_date(stored, &DATE))?;
    Some(modified > since)
}

/// The date in a field that has one line, and a valid one.
pub(crate) fn only_date(fields: &HeaderMap, name: &HeaderName) -> Option<Time> {
    let mut lines = fields.get_all(name).iter();
    let date = parse_http_date(lines.next()?.as_bytes())?;
    lines.next().is_none().then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Uri};

    const EARLY: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATE: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn evaluate(
        method: Method,
        status: u16,
        asked: &[(&'static str, &'static str)],
        stored: &[(&'static str, &'static str)],
    ) -> Precondition {
        let request = Request {
            method: &method,
            fields: &map(asked),
            uri: &Uri::from_static("http://example.com/"),
        };
        let status = StatusCode::from_u16(status).expect("a status");
        evaluate_preconditions(&request, status, &map(stored))
    }

    type Fields = &'static [(&'static str, &'static str)];

    #[test]
    fn rfc_9110_13_1_2_if_none_match() {
        use Precondition::{NotModified, Proceed};
        let table: [(&str, Fields, Precondition); 15] = [
            ("\"a\"", &[("etag", "\"a\"")], NotModified),
            ("\"a\"", &[("etag", "\"b\"")], Proceed),
            ("\"a\"", &[], Proceed),
            ("\"a\", \"b\"", &[("etag", "\"b\"")], NotModified),
            ("W/\"a\"", &[("etag", "\"a\"")], NotModified),
            ("\"a\"", &[("etag", "W/\"a\"")], NotModified),
            ("W/\"a\"", &[("etag", "W/\"a\"")], NotModified),
            ("w/\"a\"", &[("etag", "\"a\"")], Proceed),
            ("\"a,b\"", &[("etag", "\"a,b\"")], NotModified),
            ("\"a,b\"", &[("etag", "\"a\"")], Proceed),
            ("abc", &[("etag", "abc")], NotModified),
            ("abc", &[("etag", "\"abc\"")], Proceed),
            ("*", &[], NotModified),
            ("*", &[("etag", "\"a\"")], NotModified),
            ("", &[("etag", "\"a\"")], Proceed),
        ];
        for (asked, stored, expected) in table {
            assert_eq!(
                evaluate(Method::GET, 200, &[("if-none-match", asked)], stored),
                expected,
                "{asked} {stored:?}"
            );
        }
    }

    #[test]
    fn rfc_9110_13_1_3_if_modified_since() {
        use Precondition::{NotModified, Proceed};
        let table: [(&str, Fields, Precondition); 11] = [
            (DAY, &[("last-modified", DAY)], NotModified),
            (LATE, &[("last-modified", DAY)], NotModified),
            (EARLY, &[("last-modified", DAY)], Proceed),
            (
                "Sunday, 06-Nov-94 08:49:37 GMT",
                &[("last-modified", DAY)],
                NotModified,
            ),
            // RFC 9111, section 4.3.2: Date stands in for Last-Modified, and only then.
            (DAY, &[("date", DAY)], NotModified),
            (EARLY, &[("date", DAY)], Proceed),
            (
                DAY,
                &[("last-modified", EARLY), ("date", LATE)],
                NotModified,
            ),
            (DAY, &[("last-modified", "x"), ("date", DAY)], NotModified),
            (DAY, &[], Proceed),
            // What is no date is ignored.
            ("yesterday", &[("last-modified", DAY)], Proceed),
            ("", &[("last-modified", DAY)], Proceed),
        ];
        for (asked, stored, expected) in table {
            assert_eq!(
                evaluate(Method::GET, 200, &[("if-modified-since", asked)], stored),
                expected,
                "{asked} {stored:?}"
            );
        }
    }

    #[test]
    fn rfc_9110_13_1_3_two_dates_are_no_date() {
        assert_eq!(
            evaluate(
                Method::GET,
                200,
                &[("if-modified-since", DAY), ("if-modified-since", DAY)],
                &[("last-modified", DAY)]
            ),
            Precondition::Proceed
        );
    }

    #[test]
    fn rfc_9110_13_2_2_if_none_match_comes_before_if_modified_since() {
        let stored: Fields = &[("etag", "\"a\""), ("last-modified", DAY)];
        for (tag, date, expected) in [
            ("\"b\"", LATE, Precondition::Proceed),
            ("\"a\"", EARLY, Precondition::NotModified),
            ("w/", LATE, Precondition::Proceed),
        ] {
            let asked = [("if-none-match", tag), ("if-modified-since", date)];
            assert_eq!(evaluate(Method::GET, 200, &asked, stored), expected);
        }
    }

    #[test]
    fn rfc_9110_13_2_1_methods_and_statuses() {
        use Precondition::{Failed, NotModified, Proceed};
        let tag: Fields = &[("if-none-match", "\"a\"")];
        let date: Fields = &[("if-modified-since", DAY)];
        let stored: Fields = &[("etag", "\"a\""), ("last-modified", DAY)];
        for (method, status, by_tag, by_date) in [
            (Method::GET, 200, NotModified, NotModified),
            (Method::HEAD, 200, NotModified, NotModified),
            (Method::GET, 203, NotModified, NotModified),
            (Method::GET, 206, NotModified, NotModified),
            (Method::POST, 200, Failed, Proceed),
            (Method::PUT, 200, Failed, Proceed),
            (Method::OPTIONS, 200, Proceed, Proceed),
            (Method::TRACE, 200, Proceed, Proceed),
            (Method::GET, 301, Proceed, Proceed),
            (Method::GET, 404, Proceed, Proceed),
            (Method::GET, 410, Proceed, Proceed),
            (Method::GET, 500, Proceed, Proceed),
        ] {
            let name = format!("{method} {status}");
            assert_eq!(
                evaluate(method.clone(), status, tag, stored),
                by_tag,
                "{name}"
            );
            assert_eq!(evaluate(method, status, date, stored), by_date, "{name}");
        }
    }

    #[test]
    fn rfc_9111_4_3_2_if_match_and_if_unmodified_since_are_the_origins() {
        let stored: Fields = &[("etag", "\"a\""), ("last-modified", DAY)];
        for asked in [("if-match", "\"b\""), ("if-unmodified-since", EARLY)] {
            assert_eq!(
                evaluate(Method::GET, 200, &[asked], stored),
                Precondition::Proceed
            );
        }
    }
}
