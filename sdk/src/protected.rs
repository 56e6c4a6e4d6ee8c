//! Which fields a hook may change, as the host decides it: for plugins whose configuration names fields, so that a wrong
//! name is said by `selvedge check` and not by every request. A test of the host compares the lists with its own.

/// A hook that edits fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// `viewer-request`
    ViewerRequest,
    /// `origin-request`
    OriginRequest,
    /// `origin-response`
    OriginResponse,
    /// `viewer-response`
    ViewerResponse,
}

/// Out of reach at every hook.
pub const EVERYWHERE: [&str; 27] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "transfer-encoding",
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

/// As [`EVERYWHERE`], by how a name begins.
pub const BEGINNINGS: [&str; 2] = ["x-amz-cf-", "x-edge-"];

/// Out of reach at this hook, besides [`EVERYWHERE`].
pub fn at(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::ViewerRequest => &["cdn-loop", "host", "via"],
        Hook::OriginRequest => &[
            "accept-encoding",
            "cdn-loop",
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "range",
            "via",
        ],
        Hook::OriginResponse => &["content-range", "via"],
        Hook::ViewerResponse => &["content-range", "via", "warning"],
    }
}

/// Returns true if a hook may set, append and remove this field; case does not count. What can't be the name of a
/// field (RFC 9110, section 5.1) can't be changed either.
///
/// ```
/// use selvedge_sdk::edits::{Hook, may_change};
///
/// assert!(may_change(Hook::ViewerResponse, "Server"));
/// assert!(!may_change(Hook::ViewerResponse, "X-Amz-Cf-Id"));
/// assert!(may_change(Hook::OriginRequest, "Host") && !may_change(Hook::ViewerRequest, "Host"));
/// assert!(!may_change(Hook::ViewerRequest, "no name"));
/// ```
pub fn may_change(hook: Hook, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_token(&name)
        && !EVERYWHERE.contains(&name.as_str())
        && !at(hook).contains(&name.as_str())
        && !BEGINNINGS.iter().any(|start| name.starts_with(start))
}

/// As names of fields are (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_names_what_is_out_of_reach_at_its_hook() {
        for (hook, page) in [
            (
                Hook::ViewerRequest,
                include_str!("../docs/viewer-request.md"),
            ),
            (
                Hook::OriginRequest,
                include_str!("../docs/origin-request.md"),
            ),
            (
                Hook::OriginResponse,
                include_str!("../docs/origin-response.md"),
            ),
            (
                Hook::ViewerResponse,
                include_str!("../docs/viewer-response.md"),
            ),
        ] {
            let page = page.to_ascii_lowercase();
            for name in at(hook) {
                assert!(page.contains(&format!("`{name}`")), "{hook:?} lacks {name}");
            }
        }
    }

    #[test]
    fn what_is_listed_or_begins_so_or_is_no_name_may_not_be_changed() {
        for name in [
            "Content-Length",
            "X-EDGE-a",
            "x-amz-cf-id",
            "",
            "a b",
            "a:b",
            "\u{e9}",
        ] {
            for hook in [
                Hook::ViewerRequest,
                Hook::OriginRequest,
                Hook::OriginResponse,
                Hook::ViewerResponse,
            ] {
                assert!(!may_change(hook, name), "{name} at {hook:?}");
            }
        }
        assert!(may_change(Hook::ViewerResponse, "X-Edge"));
        assert!(may_change(Hook::OriginRequest, "Host"));
    }
}
