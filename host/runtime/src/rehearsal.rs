//! A rehearsal of a plugin: each of its hooks is called once with a plain request, so that what fails at every call is found
//! before a host serves viewers with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Version};

use crate::error::HookError;
use crate::facts::{RequestFacts, RequestId, ResponseFacts, Scheme};
use crate::hook::Hook;
use crate::plugin::Plugin;
use crate::transaction::Transaction;

/// Calls each hook of a plugin once. Returns those that failed.
pub(crate) async fn rehearse(plugin: &Arc<Plugin>) -> Vec<(Hook, HookError)> {
    let mut failed = Vec::new();
    for hook in plugin.hooks() {
        if let Err(error) = call(plugin, *hook).await {
            failed.push((*hook, error));
        }
    }
    failed
}

async fn call(plugin: &Arc<Plugin>, hook: Hook) -> Result<(), HookError> {
    let (request, response) = (Arc::new(request(plugin, hook)), Arc::new(response()));
    let mut transaction = Transaction::new();
    let t = &mut transaction;
    match hook {
        Hook::ViewerRequest => t.viewer_request(plugin, &request).await.decision.map(drop),
        Hook::CacheKey => t.cache_key(plugin, &request).await.decision.map(drop),
        Hook::OriginSelection => t
            .origin_selection(plugin, &request)
            .await
            .decision
            .map(drop),
        Hook::OriginRequest => t.origin_request(plugin, &request).await.decision.map(drop),
        Hook::OriginResponse => {
            let called = t.origin_response(plugin, &request, &response).await;
            called.decision.map(drop)
        }
        Hook::Ttl => t.ttl(plugin, &request, &response).await.decision.map(drop),
        Hook::ViewerResponse => {
            let called = t.viewer_response(plugin, &request, &response).await;
            called.decision.map(drop)
        }
    }
}

fn request(plugin: &Plugin, hook: Hook) -> RequestFacts {
    let fields = [
        (HOST, "www.example.com"),
        (ACCEPT, "text/html"),
        (USER_AGENT, "selvedge"),
    ];
    let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
    RequestFacts {
        method: Method::GET,
        scheme: Scheme::Https,
        host: "www.example.com".to_owned(),
        path: "/".to_owned(),
        query: None,
        fields: HeaderMap::from_iter(fields),
        body: matches!(hook, Hook::ViewerRequest | Hook::OriginRequest)
            .then(|| Arc::new(Bytes::new()) as _),
        viewer: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 50_000)),
        version: Version::HTTP_11,
        tls: None,
        geo: None,
        request_id: RequestId(0),
        distribution: plugin.distribution().into(),
        edge: "edge".into(),
        received: Instant::now(),
        origin: (hook > Hook::OriginSelection).then(|| "main".to_owned()),
        cache_status: (hook > Hook::CacheKey).then_some("uri-miss"),
        cache_age: None,
        cache_key: None,
    }
}

fn response() -> ResponseFacts {
    let html = HeaderValue::from_static("text/html");
    ResponseFacts {
        status: StatusCode::OK,
        fields: HeaderMap::from_iter([(CONTENT_TYPE, html)]),
        origin: Some("main".to_owned()),
    }
}
