//! Reasons why a request passes the cache, fails, or gets a response that is not stored.

use crate::origin::OriginError;
use http::StatusCode;
use selvedge_caching::PassReason;
use selvedge_caching::cache_status::Fwd;
use selvedge_runtime::Hook;

/// Why a request passes the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BypassReason {
    /// By the rules of caching.
    Rule(PassReason),
    /// The behavior does not cache the method.
    Method,
    /// The key is longer than the policy allows.
    KeyTooLong,
    /// A cache-key hook decided so.
    Plugin,
    /// A cache-key hook failed: its parts of the key are missing.
    PluginFailed,
    /// A cache-key hook was not called, since its plugin kept failing.
    PluginShortCircuited,
    /// The viewer wants to leave HTTP.
    Upgrade,
}

impl BypassReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BypassReason::Rule(rule) => rule.as_str(),
            BypassReason::Method => "method",
            BypassReason::KeyTooLong => "key-too-long",
            BypassReason::Plugin => "plugin-pass",
            BypassReason::PluginFailed => "plugin-failed",
            BypassReason::PluginShortCircuited => SHORT_CIRCUITED,
            BypassReason::Upgrade => "upgrade",
        }
    }

    /// Returns RFC 9211's word for it.
    pub(crate) fn fwd(self) -> Fwd {
        match self {
            BypassReason::Method | BypassReason::Rule(PassReason::Method) => Fwd::Method,
            _ => Fwd::Bypass,
        }
    }
}

/// The failure of a plugin that is the failure of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PluginFailure {
    pub(crate) hook: Hook,
    /// The plugin was not called, since it kept failing.
    pub(crate) is_short_circuited: bool,
}

const SHORT_CIRCUITED: &str = "short-circuited";

impl PluginFailure {
    /// Returns the status for the viewer. A plugin that is called again after a while is unavailable.
    pub(crate) fn status(self) -> StatusCode {
        match self.is_short_circuited {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        if self.is_short_circuited {
            return SHORT_CIRCUITED;
        }
        match self.hook {
            Hook::ViewerRequest => "viewer-request-failed",
            Hook::CacheKey => "cache-key-failed",
            Hook::OriginSelection => "origin-selection-failed",
            Hook::OriginRequest => "origin-request-failed",
            Hook::OriginResponse => "origin-response-failed",
            Hook::Ttl => "ttl-failed",
            Hook::ViewerResponse => "viewer-response-failed",
        }
    }
}

/// Why there is no response to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureReason {
    /// The host has as many fetches under way as it may have.
    TooManyFetches,
    /// Plugins had one origin asked after the other.
    TooManyAsks,
    Plugin(PluginFailure),
    /// An origin, as [`OriginError`] says it.
    Origin {
        status: StatusCode,
        word: &'static str,
    },
    /// The request's content is malformed or broke off.
    RequestBody,
    /// The request's content did not come in time.
    RequestBodyTimeout,
    /// The task that fetched ended without a word.
    Lost,
}

impl From<PluginFailure> for FailureReason {
    fn from(failure: PluginFailure) -> FailureReason {
        FailureReason::Plugin(failure)
    }
}

impl From<&OriginError> for FailureReason {
    fn from(error: &OriginError) -> FailureReason {
        match error {
            OriginError::RequestBody(_) => FailureReason::RequestBody,
            OriginError::RequestBodyTimeout(_) => FailureReason::RequestBodyTimeout,
            error => FailureReason::Origin {
                status: error.status(),
                word: error.as_str(),
            },
        }
    }
}

impl FailureReason {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            FailureReason::TooManyFetches => StatusCode::SERVICE_UNAVAILABLE,
            FailureReason::TooManyAsks | FailureReason::Lost => StatusCode::BAD_GATEWAY,
            FailureReason::Plugin(failure) => failure.status(),
            FailureReason::Origin { status, .. } => status,
            FailureReason::RequestBody => StatusCode::BAD_REQUEST,
            FailureReason::RequestBodyTimeout => StatusCode::REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            FailureReason::TooManyFetches => "too-many-fetches",
            FailureReason::TooManyAsks => "too-many-asks",
            FailureReason::Plugin(failure) => failure.as_str(),
            FailureReason::Origin { word, .. } => word,
            FailureReason::RequestBody => "request-body-error",
            FailureReason::RequestBodyTimeout => "request-body-timeout",
            FailureReason::Lost => "fetch-lost",
        }
    }

    /// Returns what the viewer is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            FailureReason::TooManyFetches => {
                "This edge asks origins for as much at once as it may. Try again in a moment."
            }
            FailureReason::Plugin(_) => "A plugin of this distribution failed.",
            FailureReason::RequestBody => "The request's body is malformed or broke off.",
            FailureReason::RequestBodyTimeout => "The request's body did not come in time.",
            FailureReason::Origin { status, .. } if status == StatusCode::GATEWAY_TIMEOUT => {
                "The origin did not answer in time."
            }
            FailureReason::Origin { .. } | FailureReason::TooManyAsks | FailureReason::Lost => {
                "The origin could not be reached or gave no valid response."
            }
        }
    }

    /// Returns true if the connection can't be used any more: content that was not read follows on it.
    pub(crate) fn closes(self) -> bool {
        matches!(
            self,
            FailureReason::RequestBody | FailureReason::RequestBodyTimeout
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn blame_decides_the_status() {
        let timeout = OriginError::ReadTimeout(Duration::from_secs(1));
        let failed = |is_short_circuited| PluginFailure {
            hook: Hook::Ttl,
            is_short_circuited,
        };
        let cases = [
            (FailureReason::TooManyFetches, 503, "too-many-fetches"),
            (FailureReason::TooManyAsks, 502, "too-many-asks"),
            (failed(false).into(), 500, "ttl-failed"),
            (failed(true).into(), 503, "short-circuited"),
            ((&timeout).into(), 504, "origin-read-timeout"),
            (FailureReason::RequestBody, 400, "request-body-error"),
            (
                FailureReason::RequestBodyTimeout,
                408,
                "request-body-timeout",
            ),
            (FailureReason::Lost, 502, "fetch-lost"),
        ];
        for (reason, status, word) in cases {
            assert_eq!(reason.status().as_u16(), status, "{word}");
            assert_eq!(reason.as_str(), word);
            assert_eq!(reason.closes(), matches!(status, 400 | 408), "{word}");
        }
    }

    #[test]
    fn what_the_rules_pass_by_its_method_is_said_by_that_word() {
        assert_eq!(BypassReason::Method.fwd(), Fwd::Method);
        assert_eq!(BypassReason::Rule(PassReason::Method).fwd(), Fwd::Method);
        let no_store = BypassReason::Rule(PassReason::RequestNoStore);
        assert_eq!(no_store.fwd(), Fwd::Bypass);
        assert_eq!(no_store.as_str(), "request-no-store");
        assert_eq!(BypassReason::Upgrade.fwd(), Fwd::Bypass);
    }
}
