//! Backends: where a plugin may send requests of its own (`[plugins.fetch.NAME]`).
//!
//! A backend is an origin that only its plugin asks. Each request is bounded in time and size, and goes to no address that the
//! configuration does not allow: the address is checked after the name has been resolved, when it is connected to.

use super::trust::trusting;
use super::work::Work;
use crate::config;
use crate::files::Digest;
use crate::origin::{Origin, OriginBody, OriginError, OutgoingBody, Reach, Tls};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::BodyExt;
use selvedge_runtime::RequestFacts;
use selvedge_runtime::capabilities::{Fetch, FetchError, Waiting};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The backends of one plugin.
pub(super) struct Backends(HashMap<String, Backend>);

#[derive(Clone)]
struct Backend {
    origin: Arc<Origin>,
    path: String,
    secure: bool,
    timeout: Duration,
    max_bytes: u64,
}

impl Backends {
    /// The backends of an entry, and the digests of their `ca_file`s in the order of the entry.
    pub(super) fn new(
        work: &mut Work<'_>,
        entry: &config::PluginEntry,
    ) -> (Backends, Vec<Option<Digest>>) {
        let mut backends = HashMap::new();
        let mut digests = Vec::new();
        for backend in &entry.backends {
            if let Some((tls, digest)) = trusting(work, backend.ca_file.as_ref()) {
                backends.insert(backend.name.clone(), Backend::new(backend, tls));
                digests.push(digest);
            }
        }
        (Backends(backends), digests)
    }
}

impl Backend {
    fn new(backend: &config::Backend, tls: Arc<Tls>) -> Backend {
        let reach = match backend.allow_private {
            true => Reach::Anywhere,
            false => Reach::PublicOnly,
        };
        let settings = config::Origin::of_backend(backend);
        Backend {
            origin: Arc::new(Origin::reaching(settings, tls, reach)),
            path: backend.url.path.clone(),
            secure: backend.url.secure,
            timeout: backend.timeout,
            max_bytes: backend.max_bytes,
        }
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::TimedOut),
        }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let (mut head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        head.uri = Uri::try_from(format!("{}{target}", self.path))
            .map_err(|error| FetchError::Failed(error.to_string()))?;
        head.version = Version::HTTP_11;
        let fields = &mut head.headers;
        fields.insert(HOST, self.origin.settings().host_field.clone());
        if !fields.contains_key(USER_AGENT) {
            fields.insert(USER_AGENT, HeaderValue::from_static("selvedge"));
        }
        let body = match body.is_empty() {
            true => OutgoingBody::Empty,
            false => {
                fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                OutgoingBody::Whole(body)
            }
        };
        let sent = self.origin.send(&head, body, self.secure).await;
        let (mut head, body) = sent.map_err(failed)?.response.into_parts();
        if head.status.is_informational() {
            return Err(FetchError::Failed(
                "it wants to change the protocol".to_owned(),
            ));
        }
        let body = self.collect(body).await?;
        selvedge_caching::end_to_end(&mut head.headers);
        Ok(Response::from_parts(head, body))
    }

    async fn collect(&self, mut body: OriginBody) -> Result<Bytes, FetchError> {
        let mut whole = BytesMut::new();
        if body.size_hint().lower() > self.max_bytes {
            return Err(FetchError::TooLarge);
        }
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(failed)?.into_data() else {
                continue;
            };
            if (whole.len() + data.len()) as u64 > self.max_bytes {
                return Err(FetchError::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

fn failed(error: OriginError) -> FetchError {
    match error {
        OriginError::Denied { .. } => FetchError::Denied,
        OriginError::ConnectTimeout { .. }
        | OriginError::ReadTimeout(_)
        | OriginError::CompletionTimeout(_) => FetchError::TimedOut,
        other => FetchError::Failed(other.to_string()),
    }
}

impl Fetch for Backends {
    fn start(
        &self,
        _facts: Option<&Arc<RequestFacts>>,
        backend: &str,
        request: Request<Bytes>,
    ) -> Result<Waiting<Result<Response<Bytes>, FetchError>>, FetchError> {
        let backend = self
            .0
            .get(backend)
            .ok_or(FetchError::UnknownBackend)?
            .clone();
        // A task of its own: it goes on while the plugin does something else. Given up, it ends.
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { backend.ask(request).await });
        Ok(Box::pin(async move {
            match tasks.join_next().await {
                Some(Ok(answer)) => answer,
                _ => Err(FetchError::Failed("the host is ending".to_owned())),
            }
        }))
    }
}
