//! A response before it is sent.

use super::refusal::Refusal;
use super::source::Source;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
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
        if close {
            prepared
                .fields
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        prepared
    }

    /// What a viewer gets whose request goes no further.
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
