//! The choice between several stored responses of one key (RFC 9111, section 4.1): Vary.
//!
//! The request fields that Vary nominates are kept in a normal form, so that two spellings of one meaning match. Section
//! 4.1 allows values to match that the field's own syntax makes equal: lines of a field are one list, white space around commas says
//! nothing, and preferences (Accept and its kin) are ordered by their weights, in lower case where case says nothing.

use crate::list;
use crate::message::Request;
use crate::stored::{Nominated, Stored};
use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HOST, ORIGIN,
    PROXY_AUTHORIZATION, REFERER, USER_AGENT, VARY,
};
use http::{HeaderMap, HeaderName};
use std::borrow::Cow;

/// The fields of the request that an origin would be sent, as far as Vary compares them. A cache that passes all fields on
/// compares the viewer's.
pub trait SentFields {
    /// The field's value in normal form; `None` if the origin would not be sent the field.
    fn normal_form(&self, name: &HeaderName) -> Option<Cow<'_, [u8]>>;
}

impl SentFields for HeaderMap {
    fn normal_form(&self, name: &HeaderName) -> Option<Cow<'_, [u8]>> {
        normal_form(name, self)
    }
}

/// Selects the stored response for a request: of those whose nominated fields match, the one made last.
///
/// `None` if no variant matches. Allocates nothing for responses without Vary.
pub fn select_variant<'s>(
    sent: &impl SentFields,
    variants: impl IntoIterator<Item = &'s Stored>,
) -> Option<usize> {
    variants
        .into_iter()
        .enumerate()
        .filter(|(_, stored)| stored.vary.iter().all(|nominated| matches(nominated, sent)))
        // Of equally new ones the first: the store keeps the newest in front.
        .max_by_key(|(at, stored)| (stored.date, stored.response_time, std::cmp::Reverse(*at)))
        .map(|(at, _)| at)
}

fn matches(nominated: &Nominated, sent: &impl SentFields) -> bool {
    sent.normal_form(&nominated.name).as_deref() == nominated.value.as_deref()
}

/// The fields that the response's Vary nominates with the request's values, or `None` where it has the member `*`, which
/// nothing matches. A member that is no field name can't be compared and counts as `*`.
pub(crate) fn nominated(request: &Request<'_>, response: &HeaderMap) -> Option<Vec<Nominated>> {
    let mut nominated = Vec::new();
    for member in list::members(response, &VARY) {
        if member == b"*" {
            return None;
        }
        let name = HeaderName::from_bytes(member).ok()?;
        let value =
            normal_form(&name, request.fields).map(|value| value.into_owned().into_boxed_slice());
        nominated.push(Nominated { name, value });
    }
    nominated.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    nominated.dedup_by(|one, other| one.name == other.name);
    Some(nominated)
}

/// The way in which a field's value is brought into its normal form.
enum Form {
    /// As it is: no list, or one in which white space counts.
    Exact,
    /// A list whose order may count.
    List,
    /// A list of preferences with weights.
    Preferences,
}

impl Form {
    fn of(name: &HeaderName) -> Form {
        const EXACT: [HeaderName; 7] = [
            AUTHORIZATION,
            COOKIE,
            HOST,
            ORIGIN,
            PROXY_AUTHORIZATION,
            REFERER,
            USER_AGENT,
        ];
        const PREFERENCES: [HeaderName; 4] =
            [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE];
        if EXACT.contains(name) {
            Form::Exact
        } else if PREFERENCES.contains(name) {
            Form::Preferences
        } else {
            Form::List
        }
    }
}

/// Returns the field's value in normal form; `None` if it is absent. Borrows if one line is in normal form already.
pub fn normal_form<'a>(name: &HeaderName, fields: &'a HeaderMap) -> Option<Cow<'a, [u8]>> {
    let mut lines = fields.get_all(name).iter();
    let first = lines.next()?.as_bytes();
    let single = lines.next().is_none();
    if single && is_plain(first) {
        return Some(Cow::Borrowed(first));
    }
    Some(Cow::Owned(match Form::of(name) {
        Form::Exact => joined(
            fields
                .get_all(name)
                .iter()
                .map(|line| line.as_bytes().trim_ascii()),
        ),
        Form::List => joined(list::members(fields, name)),
        Form::Preferences => preferences(fields, name),
    }))
}

/// Returns true if a value is the same in every form: one member, no parameters, no capitals.
fn is_plain(value: &[u8]) -> bool {
    value.iter().all(|byte| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'-' | b'_' | b'.' | b'/')
    })
}

fn joined<'a>(members: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut value = Vec::new();
    for member in members {
        if !value.is_empty() {
            value.extend_from_slice(b", ");
        }
        value.extend_from_slice(member);
    }
    value
}

/// The members with the greatest weight first, equal ones by name: order says nothing among equals (RFC 9110, section
/// 12.4.2). The weight is written only where it is not 1. A list with a weight that can't be read keeps its order.
fn preferences(fields: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let mut members = Vec::new();
    for member in list::members(fields, name) {
        match preference(member) {
            Some(preference) => members.push(preference),
            None => return joined(list::members(fields, name)),
        }
    }
    members.sort_by(|(weight, text), (other_weight, other_text)| {
        other_weight.cmp(weight).then_with(|| text.cmp(other_text))
    });
    members.dedup();
    let written: Vec<Vec<u8>> = members
        .into_iter()
        .map(|(weight, mut text)| {
            if weight != 1000 {
                text.extend_from_slice(format!(";q=0.{weight:03}").as_bytes());
            }
            text
        })
        .collect();
    joined(written.iter().map(Vec::as_slice))
}

/// A member's weight in thousandths, and its text without weight and white space, in lower case.
fn preference(member: &[u8]) -> Option<(u16, Vec<u8>)> {
    if member.contains(&b'"') {
        return None;
    }
    let mut weight = 1000;
    let mut text = Vec::with_capacity(member.len());
    for (at, part) in member.split(|byte| *byte == b';').enumerate() {
        let part = part.trim_ascii().to_ascii_lowercase();
        if at > 0 {
            if let Some(value) = part.strip_prefix(b"q=") {
                weight = thousandths(value)?;
                continue;
            }
            text.push(b';');
        }
        text.extend_from_slice(&part);
    }
    Some((weight, text))
}

/// A weight (RFC 9110, section 12.4.2): 0 to 1 with at most three digits after the point.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, fraction) = match value {
        [whole] => (*whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    for (digit, worth) in fraction.iter().zip([100, 10, 1]) {
        weight += u16::try_from(char::from(*digit).to_digit(10)?).ok()? * worth;
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests;
