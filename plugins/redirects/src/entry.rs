//! Entries of the key-value data: their parts and their syntax.
//!
//! ```text
//! /new                               a redirect with the configured status
//! 302 https://www.example.com/new    a redirect with this status
//! 301 /new drop-query                without the query of the request; keep-query says the opposite
//! rewrite /internal                  go on under another path
//! 410                                gone for good
//! ```

use selvedge_sdk::{Error, Result};

use crate::settings::{Settings, is_redirect};
use crate::target::Target;

/// An entry that has been understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) action: Action,
    /// True if the query of the request goes along.
    pub(crate) keep_query: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Redirect(u16, Target),
    Rewrite(Target),
    Gone,
}

/// Reads an entry.
///
/// # Errors
///
/// The reason why it is refused.
pub(crate) fn read(text: &str, settings: &Settings) -> Result<Entry> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next().ok_or("it is empty")?;
    let action = match first {
        "410" => Action::Gone,
        "rewrite" => Action::Rewrite(Target::path(target(words.next())?)?),
        _ => match first.parse::<u16>() {
            Ok(status) if is_redirect(status) => {
                Action::Redirect(status, Target::location(target(words.next())?)?)
            }
            Ok(status) => {
                let message = format!("{status} is none of 301, 302, 303, 307, 308 and 410");
                return Err(Error::Message(message));
            }
            Err(_) => Action::Redirect(settings.status, Target::location(first)?),
        },
    };
    let keep_query = match words.next() {
        None => settings.keep_query,
        Some("keep-query") if action != Action::Gone => true,
        Some("drop-query") if action != Action::Gone => false,
        Some(word) => return Err(unexpected(word)),
    };
    match words.next() {
        None => Ok(Entry { action, keep_query }),
        Some(word) => Err(unexpected(word)),
    }
}

fn target(word: Option<&str>) -> Result<&str> {
    word.ok_or_else(|| "it does not say where to".into())
}

fn unexpected(word: &str) -> Error {
    Error::Message(format!(
        "it has {word:?} at its end, where only keep-query or drop-query may stand"
    ))
}
