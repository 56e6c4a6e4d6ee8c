//! Syntax of field names and values, so that a mistake shows in `selvedge check` and not on a response.

use selvedge_sdk::edits::{Hook, may_change};
use selvedge_sdk::prelude::*;

/// Fields for which this plugin has other settings.
const NOT_HERE: [&str; 1] = ["vary"];

/// Returns true if a text is a token (RFC 9110, section 5.6.2), as names and methods are.
pub(crate) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Refuses what can't be a field of this plugin. `cors`: whether the plugin decides about CORS itself.
pub(crate) fn check_name(name: &str, cors: bool) -> Result<()> {
    let lower = name.to_ascii_lowercase();
    if !may_change(Hook::ViewerResponse, name) || NOT_HERE.contains(&lower.as_str()) {
        return Err(format!("{name:?} is no field that this plugin can change").into());
    }
    if cors && lower.starts_with("access-control-") {
        return Err(format!("{name:?} is set by `cors`; leave it out").into());
    }
    Ok(())
}

/// Refuses what can't be a value.
pub(crate) fn check_value(name: &str, value: &str) -> Result<()> {
    if value != value.trim() || value.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return Err(format!(
            "the value of {name:?} has to be one line of printable ASCII, without spaces at its ends"
        )
        .into());
    }
    Ok(())
}
