//! The interface `metrics`: the plugin's own metrics. What is wrong with one is said in the plugin's log; the call goes on.

use crate::bindings::imported::log::Level;
use crate::bindings::imported::metrics::Host;
use crate::capabilities::Metrics;
use crate::facts::Read;
use crate::state::State;

/// The longest name of a metric, in bytes.
const MAX_NAME: usize = 64;

impl Host for State {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        self.report(&name, |metrics| metrics.count(&name, by))
    }

    fn observe(&mut self, name: String, value: f64) -> wasmtime::Result<()> {
        self.report(&name, |metrics| {
            if value.is_finite() {
                metrics.observe(&name, value)
            } else {
                Err(format!("{value} cannot be observed"))
            }
        })
    }
}

impl State {
    fn report(
        &mut self,
        name: &str,
        take: impl FnOnce(&dyn Metrics) -> Result<(), String>,
    ) -> wasmtime::Result<()> {
        self.use_capability(Read::Metrics, name.len())?;
        let taken = match &self.plugin.capabilities.metrics {
            _ if !is_name(name) => Err(format!(
                "a name has small letters, digits and _, begins with a letter, and has at most {MAX_NAME} bytes"
            )),
            _ if self.plugin.masks.hides(name) => Err("a secret is no name".to_owned()),
            Some(metrics) => take(&**metrics),
            None => Ok(()),
        };
        if let Err(why) = taken {
            let message = format!("the metric `{name}` is not taken: {why}");
            self.log.lock().write(Level::Warn, &message, &[]);
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_figures_are_plain_words() {
        for name in ["a", "cache_writes", "step2"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "2a", "_a", "A", "a-b", "a\nb", "\u{e9}", &long] {
            assert!(!is_name(name), "{name}");
        }
    }
}
