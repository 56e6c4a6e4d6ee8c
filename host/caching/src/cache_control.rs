//! The syntax of Cache-Control (RFC 9111, section 5.2), read so that no restriction is lost.
//!
//! A member is `token [ "=" ( token / quoted-string ) ]`. Origins also write `private; max-age=30` or `no-store max-age=0`.
//! Such a member is [`Part::Unreadable`], and each word in it is a [`Part::Word`], whatever separates the words: a word that
//! restricts is obeyed, and one that allows is not. Words behind characters that a token may have but no known directive
//! has (`no-store|max-age=0`) are handed out too. The content of a quoted string within the grammar is data.

use crate::list;
use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// A piece of a Cache-Control field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A member within the grammar. The argument is without its quotes.
    Directive {
        name: &'a [u8],
        argument: Option<&'a [u8]>,
    },
    /// A member outside the grammar. Its words follow.
    Unreadable,
    /// A word where the grammar has no directive.
    Word(Word<'a>),
}

/// A word that may have been meant as a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) name: &'a [u8],
    /// The text behind `=`, up to the next white space, comma, semicolon or quote.
    pub(crate) value: Option<&'a [u8]>,
}

impl Word<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Calls `see` with each piece of all Cache-Control lines. Allocates nothing.
pub(crate) fn for_each<'a>(fields: &'a HeaderMap, mut see: impl FnMut(Part<'a>)) {
    for line in fields.get_all(CACHE_CONTROL) {
        for member in list::split(line.as_bytes()) {
            if let Some((name, argument)) = directive(member) {
                see(Part::Directive { name, argument });
                hidden_words(member, |word| see(Part::Word(word)));
            } else {
                see(Part::Unreadable);
                words(member, |word| see(Part::Word(word)));
            }
        }
    }
}

/// The name and the argument of a member within the grammar.
fn directive(member: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
        return is_token(member).then_some((member, None));
    };
    let (name, argument) = (member.get(..equals)?, member.get(equals + 1..)?);
    if !is_token(name) {
        return None;
    }
    if argument.first() != Some(&b'"') {
        return is_token(argument).then_some((name, Some(argument)));
    }
    // No known directive's argument has a use for escapes: they stay as they are, and can't be read.
    let close = list::closing_quote(argument, 0)?;
    (close + 1 == argument.len()).then_some((name, argument.get(1..close)))
}

/// Calls `see` with the words of a member that stand outside quoted strings and are not its name.
pub(crate) fn hidden_words<'a>(member: &'a [u8], mut see: impl FnMut(Word<'a>)) {
    let name = member.iter().take_while(|byte| is_word(**byte)).count();
    // A name that goes on behind an odd character is no plain name, and its words count.
    let mut at = match member.get(name) {
        None | Some(b'=' | b';' | b' ' | b'\t') => name,
        Some(_) => 0,
    };
    while let Some(rest) = member.get(at..) {
        let quote = rest.iter().position(|byte| *byte == b'"');
        words(
            rest.get(..quote.unwrap_or(rest.len())).unwrap_or_default(),
            &mut see,
        );
        let Some(open) = quote else {
            return;
        };
        at += list::closing_quote(rest, open).unwrap_or(open) + 1;
    }
}

/// Calls `see` with each word of a text, quotes or not.
pub(crate) fn words<'a>(text: &'a [u8], mut see: impl FnMut(Word<'a>)) {
    let mut rest = text;
    while let Some(start) = rest.iter().position(|byte| is_word(*byte)) {
        let word = rest.get(start..).unwrap_or_default();
        let end = word.iter().take_while(|byte| is_word(**byte)).count();
        let (name, after) = word.split_at(end);
        see(Word {
            name: trimmed(name),
            value: value(after),
        });
        rest = after;
    }
}

fn value(after: &[u8]) -> Option<&[u8]> {
    let value = after
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b',' | b';' | b'"'));
    value.get(..end.unwrap_or(value.len()))
}

/// A word without the dashes at its ends.
fn trimmed(mut word: &[u8]) -> &[u8] {
    while let [b'-' | b'_', rest @ ..] | [rest @ .., b'-' | b'_'] = word {
        word = rest;
    }
    word
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Returns true for a token (RFC 9110, section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| is_word(*byte) || b"!#$%&'*+.^`|~".contains(byte))
}

#[cfg(test)]
mod tests;
