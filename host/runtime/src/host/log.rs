//! The interface `log`: lines of the host's log, bounded per call.

use crate::bindings::imported::log::{Host, Level};
use crate::state::State;

impl Host for State {
    fn write(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let passed = fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        self.count(message.len().saturating_add(passed))?;
        self.log.lock().write(level, &message, &fields);
        Ok(())
    }
}
