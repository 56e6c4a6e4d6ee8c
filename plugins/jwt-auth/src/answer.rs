//! Answers to viewers that are not let through (RFC 6750, section 3).

use selvedge_sdk::prelude::*;

use crate::claims::Refused;

/// No token came: how to get in, and nothing about an error.
pub(crate) fn no_token(realm: &str) -> SyntheticResponse {
    refusal(
        401,
        &format!("Bearer realm=\"{realm}\""),
        "a token is needed\n",
    )
}

/// A token came that does not do.
pub(crate) fn refused(realm: &str, why: &Refused) -> SyntheticResponse {
    match why {
        Refused::Invalid(reason) => refusal(
            401,
            &format!(
                "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{reason}\""
            ),
            &format!("{reason}\n"),
        ),
        Refused::NotAllowed => refusal(
            403,
            &format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\""),
            "the token does not allow this\n",
        ),
    }
}

fn refusal(status: u16, challenge: &str, text: &str) -> SyntheticResponse {
    SyntheticResponse::new(status)
        .field("WWW-Authenticate", challenge)
        .field("Cache-Control", "no-store")
        .text(text)
}
