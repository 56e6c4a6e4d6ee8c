//! The interface `secrets`: values that the host never prints. Where a guest logs one as it stands, or puts it into an error,
//! the log and the error say `***` (`masks.rs`).

use crate::bindings::imported::secrets::Host;
use crate::facts::Read;
use crate::state::State;

impl Host for State {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.use_capability(Read::Secret, name.len())?;
        let secrets = self.plugin.capabilities.secrets.as_ref();
        let secret = secrets.and_then(|secrets| secrets.get(&name));
        Ok(secret.map(Vec::from))
    }
}
