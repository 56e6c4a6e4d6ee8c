//! The stored responses that an unsafe request makes out of date (RFC 9111, section 4.4).
//!
//! Asked when the origin has answered a request that was passed to it, before the response goes on. Only the stored
//! responses of URIs are named here; finding them is the pipeline's part.

use crate::message::{Request, Response};
use http::header::{CONTENT_LOCATION, LOCATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, Method, Uri};

/// The URIs whose stored responses are out of date after this request and its response (RFC 9111, section 4.4): first the
/// target URI as it is, then those in Location and Content-Location, without duplicates.
///
/// Empty for the safe methods (GET, HEAD, OPTIONS, TRACE), and for responses other than 2xx and 3xx; a method that is not
/// known counts as unsafe. Location and Content-Location are resolved against the target URI (RFC 3986, section 5.2), and
/// count only if scheme, host and port are the target's (RFC 9110, section 4.3.1): others' responses are not this origin's to
/// invalidate. They come with the target's spelling of host and port, without user information and fragment, so that they
/// compare like it.
pub fn invalidated_uris(request: &Request<'_>, received: &Response<'_>) -> Vec<Uri> {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    let succeeded = received.status.is_success() || received.status.is_redirection();
    if safe.contains(request.method) || !succeeded {
        return Vec::new();
    }
    let mut uris = vec![request.uri.clone()];
    for name in [LOCATION, CONTENT_LOCATION] {
        if let Some(uri) = named(request.uri, received, &name)
            && !uris.contains(&uri)
        {
            uris.push(uri);
        }
    }
    uris
}

/// Returns true if the response says that its content is that of a GET of the target URI (RFC 9110, section 9.3.3).
pub(crate) fn is_about_target(request: &Request<'_>, received: &Response<'_>) -> bool {
    named(request.uri, received, &CONTENT_LOCATION).as_ref() == Some(request.uri)
}

/// The URI in a field of the response that has one line, if it is of the target's origin.
fn named(target: &Uri, received: &Response<'_>, name: &HeaderName) -> Option<Uri> {
    let mut lines = received.fields.get_all(name).iter();
    let reference = lines.next()?.as_bytes();
    if lines.next().is_some() {
        return None;
    }
    resolve(target, std::str::from_utf8(reference).ok()?.trim_ascii())
}

/// A reference resolved against the target URI (RFC 3986, section 5.2.2), if that has the target's origin.
fn resolve(target: &Uri, reference: &str) -> Option<Uri> {
    let reference = Reference::split(reference);
    let scheme = target.scheme()?;
    if let Some(named) = reference.scheme
        && !named.eq_ignore_ascii_case(scheme.as_str())
    {
        return None;
    }
    let authority = target.authority()?;
    let own_path = match reference.authority {
        Some(named) => {
            if !same_server(scheme, authority, named) {
                return None;
            }
            true
        }
        // A scheme without authority (`http:a`) names no server.
        None if reference.scheme.is_some() => return None,
        None => reference.path.starts_with('/'),
    };
    let (path, query) = if own_path {
        (without_dots(reference.path), reference.query)
    } else if reference.path.is_empty() {
        (target.path().to_owned(), reference.query.or(target.query()))
    } else {
        let folder = target
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        (
            without_dots(&format!("{folder}/{}", reference.path)),
            reference.query,
        )
    };
    let path_and_query = match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    Uri::builder()
        .scheme(scheme.clone())
        .authority(authority.clone())
        .path_and_query(PathAndQuery::try_from(path_and_query).ok()?)
        .build()
        .ok()
}

/// Returns true if an authority in a reference is the target's server: the same host in any case, and the same port, where none is
/// the scheme's (RFC 9110, section 4.2.3). User information does not count.
fn same_server(scheme: &Scheme, target: &Authority, named: &str) -> bool {
    let Ok(named) = Authority::try_from(named) else {
        return false;
    };
    let target_port = port(scheme, target);
    target.host().eq_ignore_ascii_case(named.host())
        && target_port.is_some()
        && target_port == port(scheme, &named)
}

/// An authority's port, or the scheme's usual one where it has none or an empty one; `None` for text that is no port.
fn port(scheme: &Scheme, authority: &Authority) -> Option<u16> {
    let server = authority.as_str();
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
    match (server.strip_prefix(authority.host())?, scheme.as_str()) {
        ("" | ":", "http") => Some(80),
        ("" | ":", "https") => Some(443),
        (port, _) => port.strip_prefix(':')?.parse().ok(),
    }
}

/// The components of a URI reference (RFC 3986, appendix B), without the fragment.
struct Reference<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn split(reference: &'a str) -> Reference<'a> {
        let rest = reference
            .split_once('#')
            .map_or(reference, |(rest, _)| rest);
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        // A colon behind a slash is the path's.
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Reference {
            scheme,
            authority,
            path,
            query,
        }
    }
}

/// A path from the root without `.` and `..` segments (RFC 3986, section 5.2.4), at least `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // A dot segment at the end leaves its folder's slash.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
