//! The resource `request`: a view of the facts that the pipeline gave to the running hook.
//!
//! There is only one request at a time, and wasmtime sees to it that no handle outlives its hook, so handles carry nothing.

use std::borrow::Cow;

use wasmtime::component::Resource;

use super::fields::{field_name, field_names, joined, lines};
use crate::bindings::imported::types::{HostRequest, HttpVersion, Request, Scheme};
use crate::capabilities::BodyRefusal;
use crate::facts::{self, Read};
use crate::state::State;

impl HostRequest for State {
    fn method(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::Method, 0)?.method.as_str().to_owned())
    }

    fn scheme(&mut self, _: Resource<Request>) -> wasmtime::Result<Scheme> {
        Ok(match self.read(Read::Scheme, 0)?.scheme {
            facts::Scheme::Http => Scheme::Http,
            facts::Scheme::Https => Scheme::Https,
        })
    }

    fn host(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::Host, 0)?.host.clone())
    }

    fn path(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::Path, 0)?.path.clone())
    }

    fn query(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.read(Read::Query, 0)?.query.clone())
    }

    fn query_params(&mut self, _: Resource<Request>) -> wasmtime::Result<Vec<(String, String)>> {
        let request = self.read(Read::Query, 0)?;
        let pairs = form_urlencoded::parse(request.query.as_deref().unwrap_or("").as_bytes());
        Ok(pairs.into_owned().collect())
    }

    fn query_param(
        &mut self,
        _: Resource<Request>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        let request = self.read(Read::QueryParam(name.as_str().into()), name.len())?;
        Ok(request.query_param(&name).map(Cow::into_owned))
    }

    fn field(&mut self, _: Resource<Request>, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(field) = field_name(&name) else {
            self.count(name.len())?;
            return Ok(None);
        };
        let request = self.read(Read::Field(field.clone()), name.len())?;
        Ok(joined(&request.fields, &field))
    }

    fn field_values(
        &mut self,
        _: Resource<Request>,
        name: String,
    ) -> wasmtime::Result<Vec<Vec<u8>>> {
        let Some(field) = field_name(&name) else {
            self.count(name.len())?;
            return Ok(Vec::new());
        };
        let request = self.read(Read::Field(field.clone()), name.len())?;
        Ok(lines(&request.fields, &field))
    }

    fn field_names(&mut self, _: Resource<Request>) -> wasmtime::Result<Vec<String>> {
        Ok(field_names(&self.read(Read::FieldNames, 0)?.fields))
    }

    fn cookie(&mut self, _: Resource<Request>, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let request = self.read(Read::Cookie(name.as_str().into()), name.len())?;
        Ok(request.cookie(&name).map(<[u8]>::to_vec))
    }

    async fn body(
        &mut self,
        _: Resource<Request>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let body = self.read(Read::Body, 0)?.body.clone();
        let read = match body {
            Some(body) => {
                // Its time is the viewer's.
                let _waits = self.time.wait_for_viewer();
                body.read(u64::from(max)).wait().await
            }
            None => Err(BodyRefusal::NotHere),
        };
        self.viewer_broke_off |= matches!(read, Err(BodyRefusal::CutOff));
        Ok(read.map(Vec::from).map_err(|refusal| refusal.to_string()))
    }

    fn viewer_address(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self
            .read(Read::ViewerAddress, 0)?
            .viewer
            .ip()
            .to_canonical()
            .to_string())
    }

    fn viewer_port(&mut self, _: Resource<Request>) -> wasmtime::Result<u16> {
        Ok(self.read(Read::ViewerPort, 0)?.viewer.port())
    }

    fn http_version(&mut self, _: Resource<Request>) -> wasmtime::Result<HttpVersion> {
        Ok(match self.read(Read::HttpVersion, 0)?.version {
            http::Version::HTTP_3 => HttpVersion::Http3,
            http::Version::HTTP_2 => HttpVersion::Http2,
            http::Version::HTTP_11 => HttpVersion::Http11,
            _ => HttpVersion::Http10,
        })
    }

    fn tls_version(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self
            .read(Read::TlsVersion, 0)?
            .tls
            .as_ref()
            .map(|tls| tls.version.clone()))
    }

    fn tls_cipher(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self
            .read(Read::TlsCipher, 0)?
            .tls
            .as_ref()
            .map(|tls| tls.cipher.clone()))
    }

    fn geo(&mut self, _: Resource<Request>, name: String) -> wasmtime::Result<Option<String>> {
        let request = self.read(Read::Geo(name.as_str().into()), name.len())?;
        Ok(request.geo(&name).map(Cow::into_owned))
    }

    fn request_id(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::RequestId, 0)?.request_id.to_string())
    }

    fn distribution(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::Distribution, 0)?.distribution.to_string())
    }

    fn edge(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.read(Read::Edge, 0)?.edge.to_string())
    }

    fn origin(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.read(Read::Origin, 0)?.origin.clone())
    }

    fn cache_status(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self
            .read(Read::CacheStatus, 0)?
            .cache_status
            .map(str::to_owned))
    }

    fn cache_age(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<u64>> {
        Ok(self.read(Read::CacheAge, 0)?.cache_age)
    }

    fn cache_key(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.read(Read::CacheKey, 0)?.cache_key.clone())
    }

    fn elapsed(&mut self, _: Resource<Request>) -> wasmtime::Result<u64> {
        let received = self.read(Read::Elapsed, 0)?.received;
        Ok(u64::try_from(received.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn drop(&mut self, _: Resource<Request>) -> wasmtime::Result<()> {
        // Hooks only lend the request; there is nothing to give back.
        Ok(())
    }
}
