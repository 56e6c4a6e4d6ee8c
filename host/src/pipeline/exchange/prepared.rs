//! A response before it is sent.

use super::reasons::FailureReason;
use super::refusal::Refusal;
use super::source::Source;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use selvedge_caching::cache_status::CacheStatus;
use selvedge_runtime::SyntheticResponse;

/// The word for a response that a plugin made in place of any other.
pub(crate) const SYNTHETIC: &str = "synthetic";

/// A response before it is sent, and what the record says of it.
pub(crate) struct Prepared {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Source,
    pub(crate) cache: Option<CacheStatus>,
    pub(crate) reason: Option<&'static str>,
    /// Nothing more is read from the viewer's connection after this response.
    pub(crate) close: bool,
}

impl Prepared {
    /// An answer that a plugin made.
    pub(crate) fn synthetic(method: &Method, response: SyntheticResponse) -> Prepared {
        let SyntheticResponse {
            status,
            mut fields,
            body,
        } = response;
        if !bodiless(status) {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let body = match *method {
            Method::HEAD => Source::Empty,
            _ => Source::Whole(body),
        };
        Prepared {
            status,
            fields,
            body,
            cache: None,
            reason: Some(SYNTHETIC),
            close: false,
        }
    }

    /// Gives a response another status. Where only one of the two has content, there is none afterwards.
    pub(crate) fn restatus(&mut self, status: StatusCode) {
        if bodiless(status) || bodiless(self.status) || status == StatusCode::RESET_CONTENT {
            self.body = Source::Empty;
            self.fields.remove(CONTENT_LENGTH);
            if !bodiless(status) {
                self.fields.insert(CONTENT_LENGTH, HeaderValue::from(0));
            }
        }
        self.status = status;
    }

    /// A short answer of the host itself.
    pub(crate) fn text(status: StatusCode, words: &str) -> Prepared {
        let body = format!(
            "{} {}\n{words}\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("")
        );
        let mut fields = HeaderMap::new();
        fields.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len() as u64));
        Prepared {
            status,
            fields,
            body: Source::Whole(body.into()),
            cache: None,
            reason: None,
            close: false,
        }
    }

    /// A refusal, after which the connection is closed where what follows on it can't be trusted.
    pub(crate) fn refusal(
        status: StatusCode,
        words: &str,
        reason: &'static str,
        close: bool,
    ) -> Prepared {
        let mut prepared = Prepared::text(status, words);
        prepared.reason = Some(reason);
        prepared.close = close;
        prepared
    }

    /// The answer in place of a response that there is not.
    pub(crate) fn failed(why: FailureReason) -> Prepared {
        Prepared::refusal(why.status(), why.text(), why.as_str(), why.closes())
    }

    /// The response to a request that goes no further.
    pub(crate) fn refused(why: Refusal) -> Prepared {
        Prepared::refusal(why.status(), why.text(), why.as_str(), why.closes())
    }
}

/// Returns true if a response of this status has no content.
pub(crate) fn bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || status.is_informational()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(prepared: &Prepared) -> Option<&str> {
        let field = prepared.fields.get(CONTENT_LENGTH)?;
        field.to_str().ok()
    }

    fn is_empty(prepared: &Prepared) -> bool {
        matches!(prepared.body, Source::Empty)
    }

    #[test]
    fn the_hosts_own_answers_say_why() {
        let prepared = Prepared::refused(Refusal::UnknownHost);
        assert_eq!(prepared.status, StatusCode::FORBIDDEN);
        assert_eq!(prepared.reason, Some("unknown-host"));
        let Source::Whole(text) = &prepared.body else {
            panic!("it has a text");
        };
        assert_eq!(length(&prepared), Some(text.len().to_string().as_str()));
        let text = std::str::from_utf8(text).expect("text");
        assert!(text.starts_with("403 Forbidden\n"), "{text}");
        let failed = Prepared::failed(FailureReason::TooManyFetches);
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(failed.reason, Some("too-many-fetches"));
    }

    #[test]
    fn what_a_plugin_made_has_a_length_and_head_has_no_body() {
        let made = || SyntheticResponse {
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            body: "made".into(),
        };
        let for_get = Prepared::synthetic(&Method::GET, made());
        assert_eq!((length(&for_get), is_empty(&for_get)), (Some("4"), false));
        let for_head = Prepared::synthetic(&Method::HEAD, made());
        assert_eq!((length(&for_head), is_empty(&for_head)), (Some("4"), true));
        let none = SyntheticResponse {
            status: StatusCode::NO_CONTENT,
            ..made()
        };
        assert_eq!(length(&Prepared::synthetic(&Method::GET, none)), None);
    }

    #[test]
    fn a_status_of_another_kind_takes_the_content_away() {
        for (from, to, expected) in [
            (200, 201, (Some("4"), false)),
            (200, 204, (None, true)),
            (200, 205, (Some("0"), true)),
            (204, 200, (Some("0"), true)),
            (200, 304, (None, true)),
        ] {
            let mut prepared = Prepared::text(StatusCode::OK, "");
            prepared.body = Source::Whole("four".into());
            prepared.fields.insert(CONTENT_LENGTH, 4.into());
            prepared.status = StatusCode::from_u16(from).expect("a status");
            prepared.restatus(StatusCode::from_u16(to).expect("a status"));
            let now = (length(&prepared), is_empty(&prepared));
            assert_eq!(now, expected, "{from} to {to}");
            assert_eq!(prepared.status, to);
        }
    }
}
