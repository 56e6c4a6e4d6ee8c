//! Heads: the target, one valid host, and the number and size of fields.

use super::host::is_host;
use super::{MAX_FIELD_BYTES, MAX_FIELDS, RefusalReason, target};
use http::header::HOST;
use http::{HeaderMap, Request, Version};

/// Bytes of a field line in HTTP/1 beside its name and value: a colon and CRLF.
const LINE_BYTES: usize = 3;

/// Checks the head of a request.
///
/// # Errors
/// The rule that it breaks.
pub fn check_head<B>(request: &Request<B>) -> Result<(), RefusalReason> {
    target::check(request.method(), request.uri())?;
    let fields = request.headers();
    // HTTP/2 and HTTP/3 name the host in the target (RFC 9113, section 8.3.1). HTTP/1 has a Host field beside any target.
    let has_authority = request.version() > Version::HTTP_11 && request.uri().authority().is_some();
    check_host(fields, has_authority)?;
    if fields.len() > MAX_FIELDS {
        return Err(RefusalReason::TooManyFields);
    }
    if section_bytes(fields) > MAX_FIELD_BYTES {
        return Err(RefusalReason::FieldsTooLarge);
    }
    Ok(())
}

/// Returns the size of a section as HTTP/1 would write it in its shortest form.
pub(super) fn section_bytes(fields: &HeaderMap) -> usize {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + LINE_BYTES
    };
    fields.iter().map(line).sum()
}

fn check_host(fields: &HeaderMap, has_authority: bool) -> Result<(), RefusalReason> {
    let mut lines = fields.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) if has_authority => Ok(()),
        (None, _) => Err(RefusalReason::MissingHost),
        (Some(_), Some(_)) => Err(RefusalReason::RepeatedHost),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(RefusalReason::InvalidHost),
    }
}
