//! Decisions of hooks in a few words: for the access line, `dev` and `explain`. Those of decisions that may be remembered
//! are made only for who shows them.
//!
//! Paths, names and literals in them are the plugin's, and often a viewer's: they are cut, escaped and without secrets.

use crate::observe::access::{Decided, Words};
use selvedge_runtime::{
    Hook, KeyDecision, KeyPart, Masks, OriginDecision, OriginRequestDecision,
    OriginResponseDecision, RequestEdits, ResponseEdits, SyntheticResponse, TtlDecision,
    ViewerRequestDecision, ViewerResponseDecision,
};
use std::borrow::Cow;
use std::sync::Arc;

/// The decision of one hook.
pub(crate) trait Decision {
    /// The hook that decides.
    const HOOK: Hook;

    /// Returns the decision.
    fn decided(&self, masks: &Masks) -> Decided;

    /// Returns true if it changes anything.
    fn decides(&self) -> bool;
}

impl Decision for Arc<KeyDecision> {
    const HOOK: Hook = Hook::CacheKey;

    fn decided(&self, _: &Masks) -> Decided {
        Decided::Decision(self.clone())
    }

    fn decides(&self) -> bool {
        !matches!(**self, KeyDecision::Policy)
    }
}

impl Decision for Arc<OriginDecision> {
    const HOOK: Hook = Hook::OriginSelection;

    fn decided(&self, _: &Masks) -> Decided {
        Decided::Decision(self.clone())
    }

    fn decides(&self) -> bool {
        !matches!(**self, OriginDecision::Policy)
    }
}

impl Decision for ViewerRequestDecision {
    const HOOK: Hook = Hook::ViewerRequest;

    fn decided(&self, masks: &Masks) -> Decided {
        let words = match self {
            ViewerRequestDecision::Next => return Decided::Words("next".into()),
            ViewerRequestDecision::Edit(edits) => request_edits(edits, masks),
            ViewerRequestDecision::Respond(response) => respond(response),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, ViewerRequestDecision::Next)
    }
}

impl Words for KeyDecision {
    fn words(&self, masks: &Masks) -> Cow<'static, str> {
        match self {
            KeyDecision::Policy => "policy".into(),
            KeyDecision::Pass => "pass".into(),
            KeyDecision::Extend(parts) => key_parts("extend", parts, masks).into(),
            KeyDecision::Replace(parts) => key_parts("replace", parts, masks).into(),
        }
    }
}

impl Words for OriginDecision {
    fn words(&self, masks: &Masks) -> Cow<'static, str> {
        let words = match self {
            OriginDecision::Policy => return "policy".into(),
            OriginDecision::Origin(id) => masks.printable(id),
            OriginDecision::Failover(ids) => masks.printable(&ids.join(" then ")),
            OriginDecision::Host { name, .. } => masks.printable(&format!("host {name}")),
        };
        words.into()
    }
}

impl Decision for OriginRequestDecision {
    const HOOK: Hook = Hook::OriginRequest;

    fn decided(&self, masks: &Masks) -> Decided {
        let words = match self {
            OriginRequestDecision::Next => return Decided::Words("next".into()),
            OriginRequestDecision::Edit(edits) => request_edits(edits, masks),
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

    fn decided(&self, masks: &Masks) -> Decided {
        let words = match self {
            OriginResponseDecision::Next => return Decided::Words("next".into()),
            OriginResponseDecision::Edit(edits) => response_edits("edit", edits, masks),
            OriginResponseDecision::Respond(response) => respond(response),
            OriginResponseDecision::Transform(edits, _) => {
                response_edits("transform", edits, masks)
            }
            OriginResponseDecision::Produce(edits, _) => response_edits("produce", edits, masks),
            OriginResponseDecision::Ask(origin) => masks.printable(&format!("ask {origin}")),
        };
        Decided::Words(words.into())
    }

    fn decides(&self) -> bool {
        !matches!(self, OriginResponseDecision::Next)
    }
}

impl Decision for TtlDecision {
    const HOOK: Hook = Hook::Ttl;

    fn decided(&self, _: &Masks) -> Decided {
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

    fn decided(&self, masks: &Masks) -> Decided {
        let words = match self {
            ViewerResponseDecision::Next => return Decided::Words("next".into()),
            ViewerResponseDecision::Edit(edits) => response_edits("edit", edits, masks),
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

fn request_edits(edits: &RequestEdits, masks: &Masks) -> String {
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
    masks.printable(&words.join(" "))
}

fn response_edits(what: &str, edits: &ResponseEdits, masks: &Masks) -> String {
    let mut words = vec![what.to_owned()];
    words.extend(edits.status.map(|status| status.as_u16().to_string()));
    words.extend(edits.fields.iter().map(|edit| edit.name().to_string()));
    masks.printable(&words.join(" "))
}

fn key_parts(what: &str, parts: &[KeyPart], masks: &Masks) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| match part {
            KeyPart::Path => "path".to_owned(),
            KeyPart::QueryOnly(names) => format!("query only {}", names.join(" ")),
            KeyPart::QueryExcept(names) => format!("query except {}", names.join(" ")),
            KeyPart::Field(name) => format!("field {name}"),
            KeyPart::Cookie(name) => format!("cookie {name}"),
            // Before it is escaped: afterwards a secret would not be found.
            KeyPart::Literal(value) => format!("'{}'", masks.mask_bytes(value).escape_ascii()),
        })
        .collect();
    masks.printable(&format!("{what} [{}]", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_words_are_without_its_secrets() {
        let secret = "first-line\nit's-the-second".to_owned();
        let masks = Masks::of(&[secret.clone().into()]);
        let literal = KeyPart::Literal(format!("<{secret}>").into_bytes());
        let key = KeyDecision::Extend(vec![literal, KeyPart::Cookie(secret.clone())]);
        assert_eq!(key.words(&masks), "extend ['<***>', cookie ***]");
        let origin = OriginDecision::Failover(vec!["main".into(), secret.clone()]);
        assert_eq!(origin.words(&masks), "main then ***");
        let edits = RequestEdits {
            query: Some(format!("a={secret}")),
            ..RequestEdits::default()
        };
        assert_eq!(request_edits(&edits, &masks), "edit query a=***");
    }

    #[test]
    fn a_plugins_words_are_short_and_on_one_line() {
        let none = Masks::default();
        let long = "x".repeat(64 << 10);
        let forged = "a\n200 GET /forged\u{1b}[31m";
        let origins = [
            OriginDecision::Origin(long.clone()),
            OriginDecision::Failover(vec!["m".into(); 10_000]),
            OriginDecision::Origin(forged.into()),
            OriginDecision::Host {
                scheme: selvedge_runtime::Scheme::Http,
                name: forged.into(),
                port: None,
            },
        ];
        let keys = [
            KeyDecision::Extend(vec![KeyPart::Literal(long.clone().into_bytes())]),
            KeyDecision::Replace(vec![KeyPart::Cookie(long.clone()), KeyPart::Path]),
            KeyDecision::Extend(vec![KeyPart::QueryOnly(vec![forged.into()])]),
            KeyDecision::Extend(vec![KeyPart::Literal(forged.as_bytes().to_vec())]),
        ];
        let origins = origins.iter().map(|decision| decision.words(&none));
        let keys = keys.iter().map(|decision| decision.words(&none));
        for words in origins.chain(keys) {
            assert!(words.len() < 1100, "{} bytes", words.len());
            assert!(!words.contains(char::is_control), "{words}");
        }
        let edits = RequestEdits {
            query: Some(long),
            ..RequestEdits::default()
        };
        assert!(request_edits(&edits, &none).len() < 1100);
        let ask = OriginResponseDecision::Ask(forged.into());
        let Decided::Words(words) = ask.decided(&none) else {
            panic!("they are made at once")
        };
        assert_eq!(words, "ask a\\n200 GET /forged\\u{1b}[31m");
    }
}
