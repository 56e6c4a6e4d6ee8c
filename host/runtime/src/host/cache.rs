//! The interface `cache`: values that the distribution's plugins store for a time.

use bytes::Bytes;

use crate::bindings::imported::cache::Host;
use crate::capabilities::Cache;
use crate::facts::Read;
use crate::state::{NOT_IN_INIT, State};

impl State {
    /// The values, outside of `init`; otherwise words for the guest.
    fn stored_values(
        &mut self,
        passed: usize,
    ) -> wasmtime::Result<Result<std::sync::Arc<dyn Cache>, String>> {
        self.use_capability(Read::Cache, passed)?;
        let cache = self
            .plugin
            .capabilities
            .cache
            .clone()
            .filter(|_| !self.in_init());
        Ok(cache.ok_or_else(|| NOT_IN_INIT.to_owned()))
    }
}

impl Host for State {
    async fn get(&mut self, key: Vec<u8>) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        match self.stored_values(key.len())? {
            Ok(cache) => {
                let value = cache.get(&key).wait().await;
                Ok(value.map(|value| value.map(Vec::from)))
            }
            Err(words) => Ok(Err(words)),
        }
    }

    async fn put(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        lifetime: u64,
        tags: Vec<String>,
    ) -> wasmtime::Result<Result<(), String>> {
        let passed = tags.iter().map(String::len).sum::<usize>() + key.len() + value.len();
        match self.stored_values(passed)? {
            Ok(cache) => Ok(cache.put(key, value.into(), lifetime, tags).wait().await),
            Err(words) => Ok(Err(words)),
        }
    }

    async fn put_if(
        &mut self,
        key: Vec<u8>,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        lifetime: u64,
        tags: Vec<String>,
    ) -> wasmtime::Result<Result<bool, String>> {
        let passed = tags.iter().map(String::len).sum::<usize>() + key.len() + value.len();
        let passed = passed + expected.as_ref().map_or(0, Vec::len);
        match self.stored_values(passed)? {
            Ok(cache) => {
                let (expected, value) = (expected.map(Bytes::from), value.into());
                let put = cache.put_if(key, expected, value, lifetime, tags);
                Ok(put.wait().await)
            }
            Err(words) => Ok(Err(words)),
        }
    }

    async fn invalidate(&mut self, tag: String) -> wasmtime::Result<Result<(), String>> {
        match self.stored_values(tag.len())? {
            Ok(cache) => Ok(cache.invalidate(&tag).wait().await),
            Err(words) => Ok(Err(words)),
        }
    }
}
