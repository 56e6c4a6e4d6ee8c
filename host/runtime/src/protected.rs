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
            // Which part comes back, and whether any does, has to fit what is stored.
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

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_sdk::__private::protected as sdk;
    use selvedge_sdk::edits::{Hook as Editing, may_change};

    const EDITING: [(Hook, Editing); 4] = [
        (Hook::ViewerRequest, Editing::ViewerRequest),
        (Hook::OriginRequest, Editing::OriginRequest),
        (Hook::OriginResponse, Editing::OriginResponse),
        (Hook::ViewerResponse, Editing::ViewerResponse),
    ];

    fn sorted(names: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn plugins_know_the_same_lists() {
        assert_eq!(
            sorted(NEVER.into_iter().chain(FRAMING)),
            sorted(sdk::EVERYWHERE)
        );
        assert_eq!(sorted(NEVER_BEGINNINGS), sorted(sdk::BEGINNINGS));
        for (hook, editing) in EDITING {
            let (ours, theirs) = (read_only(hook), sdk::at(editing));
            assert_eq!(
                sorted(ours.iter().copied()),
                sorted(theirs.iter().copied()),
                "{hook}"
            );
        }
    }

    #[test]
    fn a_plugin_that_asks_hears_what_the_host_will_say() {
        let listed = NEVER.into_iter().chain(FRAMING);
        let of_hooks = EDITING
            .iter()
            .flat_map(|(hook, _)| read_only(*hook).iter().copied());
        let others = [
            "x-edge-user",
            "x-amz-cf-id",
            "x-amz-cf",
            "x-edge",
            "server",
            "vary",
            "age",
            "x-own",
        ];
        for name in listed.chain(of_hooks).chain(others) {
            for (hook, editing) in EDITING {
                let may = !in_message(hook, name);
                assert_eq!(may_change(editing, name), may, "{name} at {hook}");
                assert_eq!(
                    may_change(editing, &name.to_uppercase()),
                    may,
                    "{name} at {hook}"
                );
            }
        }
    }
}
