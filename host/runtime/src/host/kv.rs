//! The interface `kv`: the distribution's key-value store, for reading.

use crate::bindings::imported::kv::Host;
use crate::capabilities::KV_KEY_BYTES;
use crate::facts::Read;
use crate::state::{NOT_IN_INIT, State};

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        self.use_capability(Read::Kv, key.len())?;
        if key.len() > KV_KEY_BYTES {
            return Ok(Err(format!(
                "the key has {} bytes, more than the {KV_KEY_BYTES} that keys may have",
                key.len()
            )));
        }
        let Some(kv) = self
            .plugin
            .capabilities
            .kv
            .clone()
            .filter(|_| !self.in_init())
        else {
            return Ok(Err(NOT_IN_INIT.to_owned()));
        };
        let value = kv.get(&key).wait().await;
        Ok(value.map(|value| value.map(Vec::from)))
    }
}
