//! Stored responses of a URL: `selvedge cache ls`, and the look through the store that a dry run takes.
//!
//! The key of a plain GET is looked up. But keys are hashes, and plugins may put anything into them, so a URL does not lead to
//! all of its keys: the others, slices among them, are found by looking through the store, page by page, for as long as
//! [`MAX_LOOK_TIME`] allows.

use super::{Listing, MAX_LISTED, MAX_LOOK_TIME, Refused, StoredObject, StoredPart};
use crate::distribution::Distribution;
use crate::pipeline::exchange::{Keyed, Received, Refusal, Viewer, key_bytes};
use crate::pipeline::hooks::Hooks;
use crate::pipeline::invalidations::{Names, Standing};
use crate::pipeline::notes::Notes;
use crate::pipeline::receive::receive_head;
use crate::pipeline::viewer_request::{self, ViewerRequest};
use crate::pipeline::{Edge, cache_key, new_record};
use http::header::RANGE;
use http::{HeaderMap, HeaderValue, Method, Uri};
use selvedge_caching::{OriginTrouble, Request, Reuse, StoredBody};
use selvedge_runtime::{Scheme, Transaction};
use selvedge_store::{Entry, Key, Variant};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Keys read at once.
const PAGE: usize = 256;

/// All stored responses of a URL.
///
/// # Errors
/// The URL is none of this host's.
pub async fn list(edge: &Arc<Edge>, url: &str) -> Result<Listing, Refused> {
    let uri = absolute(url)?;
    let mut received = match plain(edge, &uri, Method::GET, HeaderMap::new(), None) {
        Ok(received) => received,
        Err(refusal) => return Err(Refused::Unknown(format!("{url}: {}", refusal.text()))),
    };
    let key = match plain_key(edge, &mut received).await {
        Some(Keyed::Key(key)) => Some(key),
        Some(Keyed::Pass { .. } | Keyed::Failed(_)) | None => None,
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let asked = Names {
        target,
        path: &received.facts.path,
        keyed_query: uri.query(),
    };
    let mut wanted = Vec::new();
    asked.each(|name| wanted.push(name.to_owned()));
    let mut listing = Listing::default();
    if let Some(key) = &key
        && let Some(entry) = edge.stored(&key.hash).await
    {
        listing.keys_seen = 1;
        listing.stored = describe_all(edge, &received.distribution, &entry);
        listing.count = listing.stored.len() as u64;
        listing.stored.truncate(MAX_LISTED);
    }
    look_through(
        edge,
        &received.distribution,
        listing,
        |stored_key, notes, _| {
            if key.as_ref().is_some_and(|key| key.hash == *stored_key) {
                return false;
            }
            let mut found = false;
            notes
                .names()
                .each(|name| found = found || wanted.iter().any(|wanted| wanted == name));
            found
        },
    )
    .await
}

/// The stored responses of a distribution that `wanted` takes, beside those that are listed already.
pub(super) async fn look_through(
    edge: &Edge,
    distribution: &Distribution,
    mut listing: Listing,
    wanted: impl Fn(&Key, &Notes<'_>, &Variant) -> bool,
) -> Result<Listing, Refused> {
    let began = Instant::now();
    let mut after = None;
    while began.elapsed() < MAX_LOOK_TIME {
        let page = edge.store().scan(after, PAGE).await;
        let Some((last, _)) = page.last() else {
            listing.complete = true;
            break;
        };
        after = Some(*last);
        for (key, entry) in &page {
            listing.keys_seen += 1;
            for variant in entry.variants() {
                let Some(notes) = Notes::decode(&variant.notes) else {
                    continue;
                };
                if notes.distribution == &**distribution.id() && wanted(key, &notes, variant) {
                    listing.count += 1;
                    if listing.stored.len() < MAX_LISTED {
                        listing
                            .stored
                            .push(describe(edge, distribution, variant, &notes));
                    }
                }
            }
        }
    }
    Ok(listing)
}

/// A variant as a request with its key and its nominated fields would find it.
pub(super) fn describe(
    edge: &Edge,
    distribution: &Distribution,
    variant: &Variant,
    notes: &Notes<'_>,
) -> StoredObject {
    let invalidations = edge.invalidations();
    let standing = invalidations.standing(
        notes.distribution,
        notes.began,
        &variant.head.tags,
        [notes.names()],
    );
    let head = match standing {
        Standing::Stale { since } => Arc::new(variant.head.invalidated_softly_at(since)),
        Standing::Valid | Standing::Gone => variant.head.clone(),
    };
    let now = edge.clock().now();
    let path = notes.target.split('?').next().unwrap_or("/");
    let policy = distribution.behavior_for(path).policy();
    let fields = nominated(variant);
    let uri = Uri::try_from(format!(
        "http://{}{}",
        distribution.settings().domain,
        notes.target
    ))
    .unwrap_or_default();
    let request = Request {
        method: &Method::GET,
        fields: &fields,
        uri: &uri,
    };
    let (usable, why) = match selvedge_caching::may_reuse(&request, &head, policy, now) {
        _ if standing == Standing::Gone => (false, "invalidated"),
        Reuse::Fresh { .. } => (true, "fresh"),
        Reuse::StaleWhileRevalidate { .. } => (true, "stale-while-revalidate"),
        Reuse::MustValidate(reason) => (false, reason.as_str()),
    };
    let on_error = selvedge_caching::may_serve_stale_on_error(
        &request,
        &head,
        policy,
        OriginTrouble::Disconnected,
        now,
    );
    StoredObject {
        target: notes.target.to_owned(),
        path: distribution.masks().mask(notes.path).into_owned(),
        key: key_bytes::as_text(notes.key, distribution.masks()),
        status: head.status.as_u16(),
        bytes: variant.length(),
        part: match variant.head.body {
            StoredBody::Complete { .. } => None,
            StoredBody::Partial {
                first,
                last,
                complete_length: of,
            } => Some(StoredPart { first, last, of }),
        },
        age: selvedge_caching::current_age(&head, now),
        lifetime: head.lifetime,
        lifetime_source: head.lifetime_source.as_str().to_owned(),
        ttl: head.ttl(now),
        tags: head.tags.clone(),
        vary: vary(variant),
        usable,
        why: why.to_owned(),
        usable_on_error: standing != Standing::Gone && on_error.is_ok(),
    }
}

fn vary(variant: &Variant) -> Vec<(String, Option<String>)> {
    let nominated = variant.head.vary.iter();
    nominated
        .map(|nominated| {
            let value = nominated
                .value
                .as_ref()
                .map(|value| value.escape_ascii().to_string());
            (nominated.name.as_str().to_owned(), value)
        })
        .collect()
}

/// A request's fields that choose this variant, and of a part all of it.
fn nominated(variant: &Variant) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for nominated in &variant.head.vary {
        if let Some(value) = nominated
            .value
            .as_ref()
            .and_then(|value| HeaderValue::from_bytes(value).ok())
        {
            fields.append(nominated.name.clone(), value);
        }
    }
    if let StoredBody::Partial { first, last, .. } = variant.head.body
        && let Ok(range) = HeaderValue::try_from(format!("bytes={first}-{last}"))
    {
        fields.insert(RANGE, range);
    }
    fields
}

/// The variants of an entry as they are now.
pub(super) fn describe_all(
    edge: &Edge,
    distribution: &Distribution,
    entry: &Entry,
) -> Vec<StoredObject> {
    let variants = entry.variants().iter();
    variants
        .filter_map(|variant| {
            Some(describe(
                edge,
                distribution,
                variant,
                &Notes::decode(&variant.notes)?,
            ))
        })
        .collect()
}

/// An absolute URL of http or https.
pub(super) fn absolute(url: &str) -> Result<Uri, Refused> {
    let wrong = |why: String| {
        Refused::Wrong(format!(
            "'{}' is not an absolute URL: {why}. Write it as a viewer would, for instance http://www.example.test/a?b=1",
            url.escape_debug()
        ))
    };
    let uri = Uri::try_from(url).map_err(|error| wrong(error.to_string()))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(wrong("it has no http:// and host".to_owned())),
    }
}

/// A request as it would be received from this viewer, or else from this machine.
pub(super) fn plain(
    edge: &Edge,
    uri: &Uri,
    method: Method,
    fields: HeaderMap,
    viewer: Option<IpAddr>,
) -> Result<Received, Refusal> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    let address = SocketAddr::new(viewer.unwrap_or(Ipv4Addr::LOCALHOST.into()), 0);
    let mut viewer = Viewer::plain(address);
    if uri.scheme_str() == Some("https") {
        viewer.scheme = Scheme::Https;
    }
    let mut record = new_record(edge, viewer.address, &method, uri);
    head.method = method;
    head.uri = uri.clone();
    head.headers = fields;
    let received = receive_head(edge, &viewer, &mut head, false, &mut record)?;
    match received.gate {
        Some(refusal) => Err(refusal),
        None => Ok(received),
    }
}

/// The key after the viewer-request hooks; `None` where one of them answers.
async fn plain_key(edge: &Arc<Edge>, received: &mut Received) -> Option<Keyed> {
    let mut transaction = Transaction::new();
    let mut hooks = Hooks::new(edge, received.facts.request_id);
    match viewer_request::handle(received, &mut transaction, &mut hooks).await {
        ViewerRequest::Next => {
            Some(cache_key::decide(received, &mut transaction, &mut hooks).await)
        }
        ViewerRequest::Answered(_) | ViewerRequest::Failed(_) => None,
    }
}
