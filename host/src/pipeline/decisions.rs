//! What hooks decided, in a few words: for the access line, `dev` and `explain`. Those of decisions that may be remembered
//! are made only for who shows them.

use crate::observe::access::{Decided, Words};
use selvedge_runtime::{
    Hook, KeyDecision, KeyPart, OriginDecision, OriginRequestDecision, OriginResponseDecision,
    RequestEdits, ResponseEdits, SyntheticResponse, TtlDecision, ViewerRequestDecision,
    ViewerResponseDecision,
};
use std::borrow::Cow;
use std::sync::Arc;

/// The decision of one hook.
pub(crate) trait Decision {
    /// Whose decision it is.
    const HOOK: Hook;

    /// What was decided.
    fn decided(&self) -> Decided;

    /// Whether it changes what is there.
    fn decides(&self) -> bool;
}

impl Decision for Arc<KeyDecision> {
    const HOOK: Hook = Hook::CacheKey;

    fn decided(&self) -> Decided {
        Decided::Decision(self.clone())
    }

    fn decides(&self) -> bool {
        !matches!(**self, KeyDecision::Policy)
    }
}

impl Decision for Arc<OriginDecision> {
    const HOOK: Hook = Hook::OriginSelection;

    fn decided(&self) -> Decided {
        Decided::Decision(self.clone())
    }

    fn decides(&self) -> bool {
        !matches!(**self, OriginDecision::Policy)
    }
}

impl Decision for ViewerRequestDecision {
    const HOOK: Hook = Hook::ViewerRequest;

    fn decided(&self) -> Decided {
        let words = match self {
            ViewerRequestDecision::Next => return Decided::Words("next".into()),
            ViewerRequestDecision::Edit(edits) => request_edits(edits),
            ViewerRequestDecision::Respond(response) => respond(response),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, ViewerRequestDecision::Next)
    }
}

impl Words for KeyDecision {
    fn words(&self) -> Cow<'static, str> {
        let words = match self {
            KeyDecision::Policy => return "policy".into(),
            KeyDecision::Pass => return "pass".into(),
            KeyDecision::Extend(parts) => format!("extend {}", key_parts(parts)),
            KeyDecision::Replace(parts) => format!("replace {}", key_parts(parts)),
        };
        words.into()
    }
}

impl Words for OriginDecision {
    fn words(&self) -> Cow<'static, str> {
        let words = match self {
            OriginDecision::Policy => return "policy".into(),
            OriginDecision::Origin(id) => id.clone(),
            OriginDecision::Failover(ids) => ids.join(" then "),
            OriginDecision::Host { name, .. } => format!("host {name}"),
        };
        words.into()
    }
}

impl Decision for OriginRequestDecision {
    const HOOK: Hook = Hook::OriginRequest;

    fn decided(&self) -> Decided {
        let words = match self {
            OriginRequestDecision::Next => return Decided::Words("next".into()),
            OriginRequestDecision::Edit(edits) => request_edits(edits),
            OriginRequestDecision::Respond(response) => respond(response),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, OriginRequestDecision::Next)
    }
}

impl Decision for OriginResponseDecision {
    const HOOK: Hook = Hook::OriginResponse;

    fn decided(&self) -> Decided {
        let words = match self {
            OriginResponseDecision::Next => return Decided::Words("next".into()),
            OriginResponseDecision::Edit(edits) => response_edits("edit", edits),
            OriginResponseDecision::Respond(response) => respond(response),
            OriginResponseDecision::Transform(edits, _) => response_edits("transform", edits),
            OriginResponseDecision::Produce(edits, _) => response_edits("produce", edits),
            OriginResponseDecision::Ask(origin) => format!("ask {origin}"),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, OriginResponseDecision::Next)
    }
}

impl Decision for TtlDecision {
    const HOOK: Hook = Hook::Ttl;

    fn decided(&self) -> Decided {
        let words = match self {
            TtlDecision::Policy => return Decided::Words("policy".into()),
            TtlDecision::DontStore => "dont-store".to_owned(),
            TtlDecision::Set { lifetime, .. } => match lifetime {
                Some(seconds) => format!("{seconds} s"),
                None => "policy's lifetime".to_owned(),
            },
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, TtlDecision::Policy)
    }
}

impl Decision for ViewerResponseDecision {
    const HOOK: Hook = Hook::ViewerResponse;

    fn decided(&self) -> Decided {
        let words = match self {
            ViewerResponseDecision::Next => return Decided::Words("next".into()),
            ViewerResponseDecision::Edit(edits) => response_edits("edit", edits),
            ViewerResponseDecision::Respond(response) => respond(response),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, ViewerResponseDecision::Next)
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
