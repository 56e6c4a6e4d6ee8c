//! The fields that a hook may not change. The lists are CloudFront's, and Content-Length is the host's everywhere: what
//! frames a message is never a plugin's to say.

use crate::spec::Hook;

/// At every hook: fields of the connection, and those that say who the host is and what it saw.
const NEVER: [&str; 25] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
];

/// As [`NEVER`], by how a name begins.
const NEVER_BEGINNINGS: [&str; 2] = ["x-amz-cf-", "x-edge-"];

/// At every hook: the framing of the message.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// May be read at this hook, and not changed.
fn read_only(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::ViewerRequest => &["cdn-loop", "host", "via"],
        Hook::OriginRequest => &[
            "accept-encoding",
            "cdn-loop",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "via",
        ],
        Hook::OriginResponse => &["via"],
        Hook::ViewerResponse => &["via", "warning"],
        Hook::CacheKey | Hook::OriginSelection | Hook::Ttl => &[],
    }
}

/// Whether a hook may not edit this field of its message. Names are in lower case.
pub(crate) fn in_message(hook: Hook, name: &str) -> bool {
    everywhere(name) || read_only(hook).contains(&name)
}

/// Whether a response that a plugin makes may not have this field.
pub(crate) fn in_made_response(name: &str) -> bool {
    everywhere(name) || name == "via"
}

/// Whether a request to a backend may not have this field.
pub(crate) fn in_fetch(name: &str) -> bool {
    everywhere(name) || matches!(name, "host" | "via" | "cdn-loop")
}

fn everywhere(name: &str) -> bool {
    NEVER.contains(&name)
        || FRAMING.contains(&name)
        || NEVER_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}
