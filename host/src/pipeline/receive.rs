//! Receive: which distribution and which behavior a request is for, and whether it may pass the gates.
//!
//! The first stage of a request's life. The distribution is found by the host that the viewer asked for (RFC 9112,
//! section 3.2), the behavior by the path as it was sent; it is never chosen again after a rewrite.

use super::edge::Edge;
use super::exchange::{Received, Refusal, Viewer};
use super::{query, reserved, upgrade};
use crate::distribution::{Behavior, HostTarget};
use crate::observe::access::{Record, RequestFields};
use crate::origin::OutgoingBody;
use crate::viewer_body::ViewerBody;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderName, Method, Request, Uri};
use http_body::Body;
use selvedge_runtime::{RequestFacts, Scheme};
use std::collections::VecDeque;
use std::sync::Arc;

/// The field that names the networks a request has passed (RFC 8586).
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Finds distribution and behavior, asks the gates, and gathers what hooks may read.
pub(crate) fn receive(
    edge: &Edge,
    viewer: &Viewer,
    mut request: Request<ViewerBody>,
    record: &mut Record,
) -> Result<Received, Refusal> {
    let upgrade = upgrade::asked(viewer, &mut request);
    let (mut head, mut body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let found = receive_head(edge, viewer, &mut head, has_body, record);
    if let Some(messages) = &mut record.messages {
        messages.fields = match &found {
            Ok(received) => RequestFields::Facts(received.facts.clone()),
            Err(_) => RequestFields::Own(head.headers),
        };
        messages.body_received = has_body.then(|| body.count());
    }
    let mut received = found?;
    let body = match has_body {
        true => OutgoingBody::viewer(VecDeque::new(), Some(body)),
        false => OutgoingBody::Empty,
    };
    received.body = body;
    received.upgrade = upgrade;
    Ok(received)
}

/// Receives a request of which only the head is known, be it sent or only asked about.
pub(crate) fn receive_head(
    edge: &Edge,
    viewer: &Viewer,
    head: &mut http::request::Parts,
    has_body: bool,
    record: &mut Record,
) -> Result<Received, Refusal> {
    if head.method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let authority = authority(head)?;
    let host = authority.host().to_ascii_lowercase();
    record.host = Some(authority.clone());
    let plan = edge.plan();
    let distribution = match plan.find(&host).ok_or(Refusal::UnknownHost)? {
        HostTarget::Distribution(distribution) => distribution,
        HostTarget::Broken(broken) => {
            record.distribution.clone_from(&broken.id);
            return Err(Refusal::Broken);
        }
    };
    record.distribution = Some(distribution.id().clone());
    if !distribution.enabled() {
        return Err(Refusal::Disabled);
    }
    let target = head.uri.path_and_query().ok_or(Refusal::NoPath)?;
    if !target.path().starts_with('/') {
        return Err(Refusal::NoPath);
    }
    let behavior = distribution.behavior_for(target.path()).clone();
    let gate = gates(edge, head, &behavior, has_body).err();
    let path = match distribution.default_root_object() {
        Some(object) if target.path() == "/" => format!("/{object}"),
        _ => target.path().to_owned(),
    };
    let query = query::sent(target.query()).map(str::to_owned);
    let uri = absolute(viewer.scheme, &authority, target)?;
    // Fields of the connection end here, before anything is decided by them: a field that Connection names must be neither
    // in the key nor at the origin (RFC 9110, section 7.6.1).
    selvedge_caching::end_to_end(&mut head.headers);
    reserved::take_off(&mut head.headers);
    if head.uri.authority().is_some() {
        head.headers.insert(HOST, host_field(&authority)?);
    }
    let facts = RequestFacts {
        method: head.method.clone(),
        scheme: viewer.scheme,
        host,
        path,
        query,
        fields: std::mem::take(&mut head.headers),
        body: None,
        viewer: viewer.address,
        version: head.version,
        tls: viewer.tls.clone(),
        geo: behavior.has_plugins().then(|| plan.geo()).flatten(),
        request_id: record.request_id,
        distribution: distribution.id().clone(),
        edge: edge.name().clone(),
        received: record.received,
        origin: None,
        cache_status: None,
        cache_age: None,
        cache_key: None,
    };
    Ok(Received {
        distribution: distribution.clone(),
        behavior,
        settings: plan.request_settings(),
        facts: Arc::new(facts),
        made: Vec::new(),
        gate,
        uri,
        body: OutgoingBody::Empty,
        upgrade: None,
    })
}

fn gates(
    edge: &Edge,
    head: &http::request::Parts,
    behavior: &Behavior,
    has_body: bool,
) -> Result<(), Refusal> {
    if !behavior.settings().allowed_methods.contains(&head.method) {
        return Err(Refusal::MethodNotAllowed);
    }
    if matches!(head.method, Method::GET | Method::HEAD) && has_body {
        return Err(Refusal::BodyNotAllowed);
    }
    let looped = head
        .headers
        .get_all(CDN_LOOP)
        .iter()
        // Bytes: a member that is no text must not hide the others.
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|member| member.split(|byte| *byte == b';').next())
        .any(|id| {
            id.trim_ascii()
                .eq_ignore_ascii_case(edge.loop_id().as_bytes())
        });
    if looped {
        return Err(Refusal::Loop);
    }
    Ok(())
}

/// The host that is meant: of an absolute-form target its own, and Host is then ignored (RFC 9112, section 3.2.2).
fn authority(head: &http::request::Parts) -> Result<Authority, Refusal> {
    if let Some(authority) = head.uri.authority() {
        return Ok(authority.clone());
    }
    let field = head.headers.get(HOST).ok_or(Refusal::BadHost)?;
    let authority = Authority::try_from(field.as_bytes()).map_err(|_| Refusal::BadHost)?;
    if authority.as_str().contains('@') {
        return Err(Refusal::BadHost);
    }
    Ok(authority)
}

fn absolute(scheme: Scheme, authority: &Authority, target: &PathAndQuery) -> Result<Uri, Refusal> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(match scheme {
        Scheme::Http => UriScheme::HTTP,
        Scheme::Https => UriScheme::HTTPS,
    });
    parts.authority = Some(authority.clone());
    parts.path_and_query = Some(without_empty_query(target));
    Uri::from_parts(parts).map_err(|_| Refusal::NoPath)
}

/// `/a?` is `/a`, in the key and for invalidations as at the origin.
fn without_empty_query(target: &PathAndQuery) -> PathAndQuery {
    match target.query() {
        Some("") => PathAndQuery::try_from(target.path()).unwrap_or_else(|_| target.clone()),
        _ => target.clone(),
    }
}

fn host_field(authority: &Authority) -> Result<http::HeaderValue, Refusal> {
    http::HeaderValue::from_str(authority.as_str()).map_err(|_| Refusal::BadHost)
}
