//! What hooks decided, in a few words: for the access line, `dev` and `explain`.

use selvedge_runtime::{
    Hook, KeyDecision, KeyPart, OriginDecision, OriginRequestDecision, OriginResponseDecision,
    RequestEdits, ResponseEdits, SyntheticResponse, TtlDecision, ViewerRequestDecision,
    ViewerResponseDecision,
};

/// The decision of one hook.
pub(crate) trait Decision {
    /// Whose decision it is.
    const HOOK: Hook;

    /// What was decided.
    fn words(&self) -> String;
}

impl Decision for ViewerRequestDecision {
    const HOOK: Hook = Hook::ViewerRequest;

    fn words(&self) -> String {
        match self {
            ViewerRequestDecision::Next => "next".to_owned(),
            ViewerRequestDecision::Edit(edits) => request_edits(edits),
            ViewerRequestDecision::Respond(response) => respond(response),
        }
    }
}

impl Decision for KeyDecision {
    const HOOK: Hook = Hook::CacheKey;

    fn words(&self) -> String {
        match self {
            KeyDecision::Policy => "policy".to_owned(),
            KeyDecision::Pass => "pass".to_owned(),
            KeyDecision::Extend(parts) => format!("extend {}", key_parts(parts)),
            KeyDecision::Replace(parts) => format!("replace {}", key_parts(parts)),
        }
    }
}

impl Decision for OriginDecision {
    const HOOK: Hook = Hook::OriginSelection;

    fn words(&self) -> String {
        match self {
            OriginDecision::Policy => "policy".to_owned(),
            OriginDecision::Origin(id) => id.clone(),
            OriginDecision::Failover(ids) => ids.join(" then "),
            OriginDecision::Host { name, .. } => format!("host {name}"),
        }
    }
}

impl Decision for OriginRequestDecision {
    const HOOK: Hook = Hook::OriginRequest;

    fn words(&self) -> String {
        match self {
            OriginRequestDecision::Next => "next".to_owned(),
            OriginRequestDecision::Edit(edits) => request_edits(edits),
            OriginRequestDecision::Respond(response) => respond(response),
        }
    }
}

impl Decision for OriginResponseDecision {
    const HOOK: Hook = Hook::OriginResponse;

    fn words(&self) -> String {
        match self {
            OriginResponseDecision::Next => "next".to_owned(),
            OriginResponseDecision::Edit(edits) => response_edits("edit", edits),
            OriginResponseDecision::Respond(response) => respond(response),
            OriginResponseDecision::Transform(edits, _) => response_edits("transform", edits),
            OriginResponseDecision::Produce(edits, _) => response_edits("produce", edits),
            OriginResponseDecision::Ask(origin) => format!("ask {origin}"),
        }
    }
}

impl Decision for TtlDecision {
    const HOOK: Hook = Hook::Ttl;

    fn words(&self) -> String {
        match self {
            TtlDecision::Policy => "policy".to_owned(),
            TtlDecision::DontStore => "dont-store".to_owned(),
            TtlDecision::Set { lifetime, .. } => match lifetime {
                Some(seconds) => format!("{seconds} s"),
                None => "policy's lifetime".to_owned(),
            },
        }
    }
}

impl Decision for ViewerResponseDecision {
    const HOOK: Hook = Hook::ViewerResponse;

    fn words(&self) -> String {
        match self {
            ViewerResponseDecision::Next => "next".to_owned(),
            ViewerResponseDecision::Edit(edits) => response_edits("edit", edits),
            ViewerResponseDecision::Respond(response) => respond(response),
        }
    }
}

fn respond(response: &SyntheticResponse) -> String {
    format!("respond {}", response.status.as_u16())
}

fn request_edits(edits: &RequestEdits) -> String {
    let mut words = vec!["edit".to_owned()];
    words.extend(edits.path.as_ref().map(|path| format!("path {path}")));
    words.extend(edits.query.as_ref().map(|query| format!("query {query}")));
    words.extend(edits.fields.iter().map(|edit| edit.name().to_string()));
    words.extend(
        edits
            .body
            .as_ref()
            .map(|body| format!("body of {} bytes", body.len())),
    );
    words.join(" ")
}

fn response_edits(what: &str, edits: &ResponseEdits) -> String {
    let mut words = vec![what.to_owned()];
    words.extend(edits.status.map(|status| status.as_u16().to_string()));
    words.extend(edits.fields.iter().map(|edit| edit.name().to_string()));
    words.join(" ")
}

fn key_parts(parts: &[KeyPart]) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| match part {
            KeyPart::Path => "path".to_owned(),
            KeyPart::QueryOnly(names) => format!("query only {}", names.join(" ")),
            KeyPart::QueryExcept(names) => format!("query except {}", names.join(" ")),
            KeyPart::Field(name) => format!("field {name}"),
            KeyPart::Cookie(name) => format!("cookie {name}"),
            KeyPart::Literal(value) => format!("'{}'", value.escape_ascii()),
        })
        .collect();
    format!("[{}]", words.join(", "))
}
