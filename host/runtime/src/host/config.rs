//! The interface `config`: the plugin's own table of the distribution file.

use serde_json::Value;

use crate::bindings::imported::config::Host;
use crate::state::State;

impl Host for State {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.count(name.len())?;
        Ok(look_up(&self.plugin.config, &name))
    }

    fn json(&mut self) -> wasmtime::Result<String> {
        self.count(0)?;
        Ok(self.plugin.config_json.clone())
    }
}

/// A value by its dotted name, as text; tables and lists as JSON.
fn look_up(config: &Value, name: &str) -> Option<String> {
    let found = name
        .split('.')
        .try_fold(config, |value, part| value.get(part))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_dotted_names() {
        let config = serde_json::json!({ "limits": { "mobile": 3, "names": ["a"] }, "word": "x", "on": true });
        assert_eq!(look_up(&config, "limits.mobile").as_deref(), Some("3"));
        assert_eq!(look_up(&config, "limits.names").as_deref(), Some("[\"a\"]"));
        assert_eq!(look_up(&config, "word").as_deref(), Some("x"));
        assert_eq!(look_up(&config, "on").as_deref(), Some("true"));
        for absent in ["", "word.more", "limits.", "nothing"] {
            assert_eq!(look_up(&config, absent), None, "{absent}");
        }
        assert_eq!(look_up(&Value::Null, "word"), None);
    }
}
