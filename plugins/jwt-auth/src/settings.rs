//! The plugin's table, as an operator writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The only algorithm that is accepted: tokens do not choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256: whoever verifies can also sign.
    HS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    RS256,
}

impl Algorithm {
    /// The name in a token's header (RFC 7518, section 3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::HS256 => "HS256",
            Algorithm::ES256 => "ES256",
            Algorithm::RS256 => "RS256",
        }
    }
}

/// How the bytes of a shared secret are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// As they are.
    #[default]
    Raw,
    /// In base64, of either alphabet.
    Base64,
}

/// One key. Exactly one of `secret` and `public_key` says where it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySettings {
    /// The tokens that it is for, by their `kid`; without one, those that name no other key.
    pub(crate) id: Option<String>,
    /// The name of the secret that holds it.
    pub(crate) secret: Option<String>,
    /// The PEM of a public key.
    pub(crate) public_key: Option<String>,
}

/// One value or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) algorithm: Algorithm,
    pub(crate) keys: Vec<KeySettings>,
    #[serde(default)]
    pub(crate) secret_encoding: Encoding,
    #[serde(default = "yes")]
    pub(crate) authorization: bool,
    pub(crate) cookie: Option<String>,
    #[serde(default)]
    pub(crate) strip_token: bool,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) issuer: Option<OneOrMany>,
    pub(crate) audience: Option<OneOrMany>,
    #[serde(default = "half_a_minute")]
    pub(crate) leeway_seconds: u64,
    #[serde(default = "yes")]
    pub(crate) require_expiry: bool,
    #[serde(default)]
    pub(crate) require: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(crate) claim_fields: BTreeMap<String, String>,
    #[serde(default = "protected")]
    pub(crate) realm: String,
}

fn yes() -> bool {
    true
}

fn half_a_minute() -> u64 {
    30
}

fn protected() -> String {
    "protected".to_owned()
}
