//! Checks of a verified token's claims (RFC 7519, section 4.1), and the claims that go to the origin.

use serde_json::Value;

use crate::Rules;
use crate::token::Claims;

/// Why the claims do not do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token is not valid here and now.
    Invalid(&'static str),
    /// It is, but does not allow this.
    NotAllowed,
}

/// Returns true if the claims are valid at `now`, in seconds since 1970, and allow the request.
pub(crate) fn check(claims: &Claims, rules: &Rules, now: u64) -> Result<(), Refused> {
    times(claims, rules, now).map_err(Refused::Invalid)?;
    if !rules.issuers.is_empty() && !names_one(claims.get("iss"), &rules.issuers) {
        return Err(Refused::Invalid("the token has another issuer"));
    }
    if !rules.audiences.is_empty() && !names_one(claims.get("aud"), &rules.audiences) {
        return Err(Refused::Invalid("the token is for another audience"));
    }
    let allowed = rules.require.iter().all(|(name, values)| {
        let claim = claims.get(name);
        names_one(claim, values) || has_word(claim, values)
    });
    if allowed {
        Ok(())
    } else {
        Err(Refused::NotAllowed)
    }
}

fn times(claims: &Claims, rules: &Rules, now: u64) -> Result<(), &'static str> {
    let (now, leeway) = (now as f64, rules.leeway as f64);
    match claims.get("exp").map(Value::as_f64) {
        Some(Some(until)) if now < until + leeway => {}
        Some(Some(_)) => return Err("the token has expired"),
        Some(None) => return Err("the token's exp is no number"),
        None if rules.require_expiry => return Err("the token has no exp"),
        None => {}
    }
    match claims.get("nbf").map(Value::as_f64) {
        Some(Some(from)) if now + leeway < from => Err("the token is not valid yet"),
        Some(None) => Err("the token's nbf is no number"),
        _ => Ok(()),
    }
}

/// Returns true if a claim is one of these, or a list with one of these in it.
fn names_one(claim: Option<&Value>, wanted: &[String]) -> bool {
    match claim {
        Some(Value::Array(values)) => values.iter().any(|value| names_one(Some(value), wanted)),
        Some(Value::String(text)) => wanted.contains(text),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => wanted.contains(&value.to_string()),
        _ => false,
    }
}

/// Returns true if a text has one of these among its words, as `scope` does (RFC 8693, section 4.2).
fn has_word(claim: Option<&Value>, wanted: &[String]) -> bool {
    let words = claim.and_then(Value::as_str).unwrap_or_default();
    words
        .split(' ')
        .any(|word| wanted.iter().any(|wanted| wanted == word))
}

/// A claim as the value of a field: text, numbers, `true` and `false`, and lists of these with commas between them.
/// `None` for what a field can't carry, and for what would look like something else there: a text with a comma in a list.
pub(crate) fn as_field(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Array(values) => {
            let items: Option<Vec<String>> = values
                .iter()
                .map(|value| as_field(value).filter(|item| !item.contains(',')))
                .collect();
            items?.join(",")
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => claim.to_string(),
        Value::Null | Value::Object(_) => return None,
    };
    let fits = text.len() <= 1024 && !text.chars().any(char::is_control);
    (fits && text == text.trim()).then_some(text)
}
