//! The configuration, checked once for each instance.

use selvedge_sdk::edits::{Hook, may_change};
use selvedge_sdk::prelude::*;

use crate::keys::{self, Key};
use crate::settings::{Algorithm, OneOrMany, Settings};

/// A longer leeway makes `exp` mean little.
const MAX_LEEWAY: u64 = 600;

/// Fields that no claim may become, besides those that the hook may not change: the cache or the token itself needs them.
const NOT_FOR_CLAIMS: [&str; 4] = ["authorization", "cookie", "range", "te"];

/// The rules that the hook follows.
pub(crate) struct Rules {
    pub(crate) algorithm: Algorithm,
    pub(crate) keys: Vec<Key>,
    pub(crate) authorization: bool,
    pub(crate) cookie: Option<String>,
    pub(crate) strip: bool,
    pub(crate) optional: bool,
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: u64,
    pub(crate) require_expiry: bool,
    pub(crate) require: Vec<(String, Vec<String>)>,
    pub(crate) claim_fields: Vec<(String, String)>,
    pub(crate) realm: String,
}

impl Rules {
    /// Reads the keys and checks the rest.
    pub(crate) fn new(settings: Settings) -> Result<Rules> {
        if !settings.authorization && settings.cookie.is_none() {
            return Err(
                "tokens come from nowhere: set `authorization = true` or name a `cookie`".into(),
            );
        }
        if settings.leeway_seconds > MAX_LEEWAY {
            return Err(format!("`leeway_seconds` is at most {MAX_LEEWAY}").into());
        }
        if settings
            .cookie
            .as_deref()
            .is_some_and(|name| !is_token(name))
        {
            return Err("`cookie` is no cookie's name".into());
        }
        if settings
            .realm
            .chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\') || !c.is_ascii())
        {
            return Err("`realm` takes printable ASCII without quotes and backslashes".into());
        }
        for (claim, field) in &settings.claim_fields {
            if !may_change(Hook::ViewerRequest, field)
                || NOT_FOR_CLAIMS
                    .iter()
                    .any(|name| field.eq_ignore_ascii_case(name))
            {
                return Err(format!("`claim_fields.{claim}`: no claim may become the field {field:?}; take one of your own, for instance X-User").into());
            }
        }
        let listed =
            |values: Option<OneOrMany>| values.map(OneOrMany::into_list).unwrap_or_default();
        let require = settings.require.into_iter();
        let rules = Rules {
            algorithm: settings.algorithm,
            keys: keys::read(settings.algorithm, settings.secret_encoding, settings.keys)?,
            authorization: settings.authorization,
            cookie: settings.cookie,
            strip: settings.strip_token,
            optional: settings.optional,
            issuers: listed(settings.issuer),
            audiences: listed(settings.audience),
            leeway: settings.leeway_seconds,
            require_expiry: settings.require_expiry,
            require: require
                .map(|(claim, values)| (claim, values.into_list()))
                .collect(),
            claim_fields: settings.claim_fields.into_iter().collect(),
            realm: settings.realm,
        };
        if rules.optional && !rules.require.is_empty() {
            return Err("`optional` lets requests without a token through, so `require` would mean nothing for them; leave one out".into());
        }
        Ok(rules)
    }
}

/// Returns true if a text can be a cookie's name (RFC 6265, section 4.1.1).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
