//! The interface `fetch`: requests to the backends that the configuration names. `start` gives a handle, so that a plugin
//! starts several and then waits for each.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::fields::{field_name, field_names, joined, lines};
use crate::bindings::imported::fetch::{self as wit, Host, HostFetched, HostPending};
use crate::capabilities::FetchError;
use crate::edits::MAX_FIELD_LINES;
use crate::facts::Read;
use crate::fault::MAX_TARGET;
use crate::fetching::{Fetched, Pending};
use crate::hooks::convert;
use crate::limits::Exceeded;
use crate::protected;
use crate::state::{NOT_IN_INIT, State};
use crate::text::printable;

impl Host for State {
    fn start(
        &mut self,
        backend: String,
        request: wit::FetchRequest,
    ) -> wasmtime::Result<Result<Resource<Pending>, wit::FetchError>> {
        let fields = request.fields.iter();
        let passed: usize = fields
            .map(|field| field.name.len() + field.value.len())
            .sum();
        let passed = passed + request.method.len() + request.target.len() + request.body.len();
        self.use_capability(Read::Fetch, backend.len() + passed)?;
        let limit = self.plugin.limits.fetches;
        self.fetches.started += 1;
        if self.fetches.started > limit || self.fetches.held >= limit {
            return Err(Exceeded::Fetches.into());
        }
        let Some(capability) = self
            .plugin
            .capabilities
            .fetch
            .clone()
            .filter(|_| !self.in_init())
        else {
            return Ok(Err(wit::FetchError::Failed(NOT_IN_INIT.to_owned())));
        };
        let started = checked(request)
            .and_then(|request| capability.start(self.request.as_ref(), &backend, request));
        match started {
            Ok(waiting) => {
                self.fetches.held += 1;
                Ok(Ok(self.table.push(Pending(Some(waiting)))?))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }
}

/// The request that a guest means, or what is wrong with it.
fn checked(request: wit::FetchRequest) -> Result<http::Request<Bytes>, FetchError> {
    let failed = |what: String| FetchError::Failed(printable(&what));
    let method = Method::from_bytes(request.method.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| failed(format!("`{}` is no method", request.method.escape_debug())))?;
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, query),
        None => (request.target.as_str(), ""),
    };
    convert::check_path(path)
        .and_then(|()| convert::check_query(query))
        .map_err(|fault| failed(fault.to_string()))?;
    if request.target.len() > MAX_TARGET || request.fields.len() > MAX_FIELD_LINES {
        return Err(failed(
            "the target is too long, or there are too many fields".into(),
        ));
    }
    let mut fields = HeaderMap::new();
    for field in request.fields {
        let name = convert::name(&field.name).map_err(|fault| failed(fault.to_string()))?;
        if protected::in_fetch(name.as_str()) {
            return Err(failed(format!("the host sets the field `{name}` itself")));
        }
        let value =
            convert::value(&name, field.value).map_err(|fault| failed(fault.to_string()))?;
        fields.append(name, value);
    }
    let uri = Uri::try_from(request.target).map_err(|error| failed(error.to_string()))?;
    let mut checked = http::Request::new(Bytes::from(request.body));
    *checked.method_mut() = method;
    *checked.uri_mut() = uri;
    *checked.headers_mut() = fields;
    Ok(checked)
}

/// The part of a hook's time on the clock that stays for the guest after a request to a backend has timed out.
fn margin(wall: Duration) -> Duration {
    (wall / 10).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

impl HostPending for State {
    async fn wait(
        &mut self,
        pending: Resource<Pending>,
    ) -> wasmtime::Result<Result<Resource<Fetched>, wit::FetchError>> {
        self.count(0)?;
        let Some(waiting) = self.table.get_mut(&pending)?.0.take() else {
            let words = "this answer was waited for before";
            return Ok(Err(wit::FetchError::Failed(words.to_owned())));
        };
        let left = self.time.wall_left(self.plugin.limits.wall);
        let left = left.saturating_sub(margin(self.plugin.limits.wall));
        // The guest hears of it before its own time is over.
        let answer = timeout(left, waiting).await;
        match answer.unwrap_or(Err(FetchError::TimedOut)) {
            Ok(response) => Ok(Ok(self.table.push(Fetched(response))?)),
            Err(error) => {
                self.fetches.release();
                Ok(Err(error.into()))
            }
        }
    }

    fn drop(&mut self, pending: Resource<Pending>) -> wasmtime::Result<()> {
        if self.table.delete(pending)?.0.is_some() {
            self.fetches.release();
        }
        Ok(())
    }
}

impl HostFetched for State {
    fn status(&mut self, fetched: Resource<Fetched>) -> wasmtime::Result<u16> {
        self.count(0)?;
        Ok(self.table.get(&fetched)?.0.status().as_u16())
    }

    fn field(
        &mut self,
        fetched: Resource<Fetched>,
        name: String,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        self.count(name.len())?;
        let fields = self.table.get(&fetched)?.0.headers();
        Ok(field_name(&name).and_then(|name| joined(fields, &name)))
    }

    fn field_values(
        &mut self,
        fetched: Resource<Fetched>,
        name: String,
    ) -> wasmtime::Result<Vec<Vec<u8>>> {
        self.count(name.len())?;
        let fields = self.table.get(&fetched)?.0.headers();
        Ok(field_name(&name).map_or_else(Vec::new, |name| lines(fields, &name)))
    }

    fn field_names(&mut self, fetched: Resource<Fetched>) -> wasmtime::Result<Vec<String>> {
        self.count(0)?;
        Ok(field_names(self.table.get(&fetched)?.0.headers()))
    }

    fn body(&mut self, fetched: Resource<Fetched>) -> wasmtime::Result<Vec<u8>> {
        self.count(0)?;
        Ok(self.table.get(&fetched)?.0.body().to_vec())
    }

    fn drop(&mut self, fetched: Resource<Fetched>) -> wasmtime::Result<()> {
        self.table.delete(fetched)?;
        self.fetches.release();
        Ok(())
    }
}

impl From<FetchError> for wit::FetchError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::UnknownBackend => wit::FetchError::UnknownBackend,
            FetchError::Denied => wit::FetchError::Denied,
            FetchError::TimedOut => wit::FetchError::TimedOut,
            FetchError::TooLarge => wit::FetchError::TooLarge,
            FetchError::Failed(words) => wit::FetchError::Failed(words),
        }
    }
}
