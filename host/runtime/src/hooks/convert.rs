//! From what a guest returned to what the pipeline may carry out: every value is checked here, and a wrong one is named, in
//! the guest's words.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::call::ELEMENT;
use crate::bindings::imported::types as wit;
use crate::edits::{FieldEdit, MAX_FIELD_LINES, RequestEdits, ResponseEdits, SyntheticResponse};
use crate::fault::{Fault, MAX_TARGET};
use crate::hook::Hook;
use crate::protected;

pub(super) fn request_edits(hook: Hook, edits: wit::RequestEdits) -> Result<RequestEdits, Fault> {
    if let Some(path) = &edits.path {
        check_path(path)?;
    }
    if let Some(query) = &edits.query {
        check_query(query)?;
    }
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let length = length(&edits.path) + length(&edits.query);
    if length > MAX_TARGET {
        return Err(Fault::TargetLength { length });
    }
    Ok(RequestEdits {
        path: edits.path,
        query: edits.query,
        fields: field_edits(hook, edits.fields)?,
        body: edits.body.map(Bytes::from),
    })
}

pub(super) fn response_edits(
    hook: Hook,
    edits: wit::ResponseEdits,
) -> Result<ResponseEdits, Fault> {
    Ok(ResponseEdits {
        status: edits.status.map(status).transpose()?,
        fields: field_edits(hook, edits.fields)?,
    })
}

pub(super) fn synthetic(response: wit::SyntheticResponse) -> Result<SyntheticResponse, Fault> {
    let status = status(response.status)?;
    let bodiless = matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    if bodiless && !response.body.is_empty() {
        return Err(Fault::BodyNotAllowed(status));
    }
    count(response.fields.len())?;
    let mut fields = HeaderMap::new();
    for field in response.fields {
        let name = name(&field.name)?;
        if protected::in_made_response(name.as_str()) {
            return Err(Fault::ProtectedInResponse {
                name: name.to_string(),
            });
        }
        let value = value(&name, field.value)?;
        fields.append(name, value);
    }
    Ok(SyntheticResponse {
        status,
        fields,
        body: response.body.into(),
    })
}

fn field_edits(hook: Hook, edits: Vec<wit::FieldEdit>) -> Result<Vec<FieldEdit>, Fault> {
    count(edits.len())?;
    let allowed = |text: &str| {
        let name = name(text)?;
        if protected::in_message(hook, name.as_str()) {
            return Err(Fault::ProtectedField {
                name: name.to_string(),
                hook,
            });
        }
        Ok(name)
    };
    let edit = |edit| {
        Ok(match edit {
            wit::FieldEdit::Set(field) => {
                let name = allowed(&field.name)?;
                let value = value(&name, field.value)?;
                FieldEdit::Set(name, value)
            }
            wit::FieldEdit::Append(field) => {
                let name = allowed(&field.name)?;
                let value = value(&name, field.value)?;
                FieldEdit::Append(name, value)
            }
            wit::FieldEdit::Remove(name) => FieldEdit::Remove(allowed(&name)?),
        })
    };
    edits.into_iter().map(edit).collect()
}

fn count(count: usize) -> Result<(), Fault> {
    if count > MAX_FIELD_LINES {
        return Err(Fault::ManyFields {
            count,
            limit: MAX_FIELD_LINES,
        });
    }
    Ok(())
}

pub(crate) fn name(text: &str) -> Result<HeaderName, Fault> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| Fault::FieldName(text.to_owned()))
}

pub(crate) fn value(name: &HeaderName, value: Vec<u8>) -> Result<HeaderValue, Fault> {
    // White space around a value is not part of it (RFC 9110, section 5.5).
    HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| Fault::FieldValue {
        name: name.to_string(),
    })
}

fn status(code: u16) -> Result<StatusCode, Fault> {
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| (200..=599).contains(&status.as_u16()))
        .ok_or(Fault::Status(code))
}

pub(crate) fn check_path(path: &str) -> Result<(), Fault> {
    let sound = path.starts_with('/') && !path.contains('?') && is_target(path);
    sound
        .then_some(())
        .ok_or_else(|| Fault::Path(path.to_owned()))
}

pub(crate) fn check_query(query: &str) -> Result<(), Fault> {
    is_target(&format!("/?{query}"))
        .then_some(())
        .ok_or_else(|| Fault::Query(query.to_owned()))
}

/// Returns true if it can be the target of a request: what `http` takes of viewers, without a fragment and without what is beyond
/// ASCII.
fn is_target(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        && PathAndQuery::try_from(text).is_ok()
}

/// Returns the size of edits without a body, for `limits.output_bytes`.
pub(super) fn size_of_edits(edits: &[FieldEdit]) -> u64 {
    let size = |edit: &FieldEdit| match edit {
        FieldEdit::Set(name, value) | FieldEdit::Append(name, value) => {
            name.as_str().len() + value.len()
        }
        FieldEdit::Remove(name) => name.as_str().len(),
    };
    edits.iter().map(|edit| size(edit) as u64 + ELEMENT).sum()
}

pub(super) fn size_of_request_edits(edits: &RequestEdits) -> u64 {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len) as u64;
    size_of_edits(&edits.fields) + length(&edits.path) + length(&edits.query)
}

pub(super) fn size_of_fields(fields: &HeaderMap) -> u64 {
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    fields.iter().map(|line| size(line) as u64 + ELEMENT).sum()
}
