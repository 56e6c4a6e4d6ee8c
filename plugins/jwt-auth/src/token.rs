//! A token in compact form (RFC 7515, section 7.1): taken apart, and verified before anything of its claims is read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::keys::{self, Key};
use crate::settings::Algorithm;

/// A longer one is refused unread; field sections are seldom allowed more.
const MAX_BYTES: usize = 16 << 10;

/// The claims of a token.
pub(crate) type Claims = Map<String, Value>;

/// The parts of a header that the plugin reads. Unknown ones are ignored, as RFC 7515 says, except `crit`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The claims of a token that one of the keys signed; or what is wrong, in words that tell nothing of the token.
pub(crate) fn verified(
    token: &[u8],
    algorithm: Algorithm,
    keys: &[Key],
) -> Result<Claims, &'static str> {
    if token.len() > MAX_BYTES {
        return Err("the token is too long");
    }
    let parts: Vec<&[u8]> = token.splitn(4, |byte| *byte == b'.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("the token does not have three parts");
    };
    let signed = &token[..header.len() + 1 + claims.len()];
    let header = decoded(header).ok_or("the token's header is no base64url")?;
    let header: Header =
        serde_json::from_slice(&header).map_err(|_| "the token's header can't be read")?;
    // The configuration says the algorithm. A token only has to agree, "none" included.
    if header.alg != algorithm.name() {
        return Err("the token has another algorithm");
    }
    if header.crit.is_some() {
        return Err("the token has a critical extension");
    }
    let signature = decoded(signature).ok_or("the token's signature is no base64url")?;
    let made = keys::candidates(keys, header.kid.as_deref())
        .iter()
        .any(|key| key.verifies(signed, &signature));
    if !made {
        return Err("the signature is not valid");
    }
    let claims = decoded(claims).ok_or("the token's claims are no base64url")?;
    serde_json::from_slice(&claims).map_err(|_| "the token's claims can't be read")
}

fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
