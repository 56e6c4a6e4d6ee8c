//! Nominated: the request fields that tell a response's variants apart (RFC 9111, section 4.1).
//!
//! Vary is about the request that the origin answered. By the policies, what goes out follows from the viewer's request
//! ([`Sent`]). What origin-request hooks change does not: a look-up does not ask them. So a response that varies on what
//! they made is kept apart by what they read of the request to make it.

use super::exchange::Job;
use super::sent::Sent;
use http::HeaderName;
use http::header::{COOKIE, VARY};
use selvedge_caching::{Nominated, SentFields, Stored};
use selvedge_runtime::{Hook, Read};

/// The word for a response that varies on something that a plugin made of what no field of the request tells.
const BY_PLUGIN: &str = "vary-by-plugin";

/// The head with what its Vary nominates as the origin was sent it.
///
/// # Errors
/// The word why it can't be stored: no later request could be compared with this one.
pub(crate) fn as_sent(job: &Job, mut head: Stored) -> Result<Stored, &'static str> {
    if head.vary.is_empty() {
        return Ok(head);
    }
    let sent = Sent::for_job(job);
    let mut names = Vec::new();
    // A hook may set any of them for another request, and has done so for this one or left it absent.
    let (mut may_be_made, mut is_made) = (false, false);
    for nominated in &head.vary {
        let name = &nominated.name;
        let may_edit = job.edits.asked && Hook::OriginRequest.may_change(name.as_str());
        let is_edited = job.edits.fields.contains(name);
        may_be_made |= may_edit;
        is_made |= is_edited || (may_edit && sent.normal_form(name).is_none());
        if !is_edited {
            names.push(name.clone());
        }
    }
    for read in job.edits.reads.iter().filter(|_| may_be_made) {
        if is_keyed(job, read) {
            continue;
        }
        match read {
            Read::Field(name) => names.push(name.clone()),
            Read::Cookie(_) => names.push(COOKIE),
            _ if is_made => return Err(BY_PLUGIN),
            _ => {}
        }
    }
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    head.vary = names
        .into_iter()
        .map(|name| nominated(sent, name))
        .collect();
    Ok(head)
}

/// The head of a stored response that the origin has confirmed. Its variant stays the one that this request selected, unless
/// the confirmation brought another Vary. One that can't be told apart any more is validated at each use.
pub(crate) fn as_confirmed(job: &Job, stored: &Stored, mut head: Stored) -> Stored {
    let lines = |head: &Stored| -> Vec<_> { head.fields.get_all(VARY).iter().cloned().collect() };
    if lines(stored) == lines(&head) {
        head.vary.clone_from(&stored.vary);
        return head;
    }
    match as_sent(job, head.clone()) {
        Ok(head) => head,
        Err(_) => {
            head.directives.no_cache = true;
            head
        }
    }
}

fn is_keyed(job: &Job, read: &Read) -> bool {
    match &job.key {
        Some(key) => key.covers(read, &job.key_reads),
        None => false,
    }
}

fn nominated(sent: Sent<'_>, name: HeaderName) -> Nominated {
    let value = sent.normal_form(&name);
    let value = value.map(|value| value.into_owned().into_boxed_slice());
    Nominated { name, value }
}
