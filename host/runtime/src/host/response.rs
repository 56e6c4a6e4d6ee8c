//! The resource `response`: a view of the facts that the pipeline gave to the running hook.

use wasmtime::component::Resource;

use super::fields::{field_name, field_names, joined, lines};
use crate::bindings::imported::types::{HostResponse, Response};
use crate::facts::Read;
use crate::state::State;

impl HostResponse for State {
    fn status(&mut self, _: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.read_response(Read::ResponseStatus, 0)?.status.as_u16())
    }

    fn field(&mut self, _: Resource<Response>, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(field) = field_name(&name) else {
            self.count(name.len())?;
            return Ok(None);
        };
        let response = self.read_response(Read::ResponseField(field.clone()), name.len())?;
        Ok(joined(&response.fields, &field))
    }

    fn field_values(
        &mut self,
        _: Resource<Response>,
        name: String,
    ) -> wasmtime::Result<Vec<Vec<u8>>> {
        let Some(field) = field_name(&name) else {
            self.count(name.len())?;
            return Ok(Vec::new());
        };
        let response = self.read_response(Read::ResponseField(field.clone()), name.len())?;
        Ok(lines(&response.fields, &field))
    }

    fn field_names(&mut self, _: Resource<Response>) -> wasmtime::Result<Vec<String>> {
        Ok(field_names(
            &self.read_response(Read::ResponseFieldNames, 0)?.fields,
        ))
    }

    fn origin(&mut self, _: Resource<Response>) -> wasmtime::Result<Option<String>> {
        Ok(self.read_response(Read::ResponseOrigin, 0)?.origin.clone())
    }

    fn drop(&mut self, _: Resource<Response>) -> wasmtime::Result<()> {
        // As with the request: only lent.
        Ok(())
    }
}
