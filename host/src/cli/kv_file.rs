//! Files of key-value data for `selvedge kv load`: a JSON object or a TOML table.

use crate::pipeline::insight::KvValue;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The changes that a file asks for, or what is wrong with it.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, Option<KvValue>>, String> {
    let place = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{place} can't be read: {error}"))?;
    let extension = file.extension().and_then(|extension| extension.to_str());
    let entries = match extension {
        Some("json") => serde_json::from_str::<Entries>(&text)
            .map_err(|error| format!("{place} is not a JSON object of keys and values: {error}"))?,
        Some("toml") => toml::from_str::<Entries>(&text)
            .map_err(|error| format!("{place} is not TOML:\n{error}"))?,
        _ => {
            return Err(format!(
                "{place} is neither .json nor .toml: write the keys and values as a JSON object or as TOML"
            ));
        }
    };
    Ok(entries
        .0
        .into_iter()
        .map(|(key, value)| (key, as_text(value).map(KvValue::Text)))
        .collect())
}

/// The value as text; `None` for `null`.
fn as_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A table in which no key comes twice.
struct Entries(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Entries, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Entries;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("keys with their values")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if entries.contains_key(&key) {
                        return Err(M::Error::custom(format!("the key {key:?} is there twice")));
                    }
                    entries.insert(key, value);
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Vec<(String, Option<KvValue>)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        Ok(read(&file)?.into_iter().collect())
    }

    #[test]
    fn values_become_text() {
        let text = |text: &str| Some(KvValue::Text(text.to_owned()));
        let json = r#"{"a": "x", "b": 3, "c": {"d": [true]}, "e": null}"#;
        let expected = [
            ("a".to_owned(), text("x")),
            ("b".to_owned(), text("3")),
            ("c".to_owned(), text("{\"d\":[true]}")),
            ("e".to_owned(), None),
        ];
        assert_eq!(read_text("x.json", json).unwrap(), expected);
        let toml = "\"/old\" = \"/new\"\n[t]\nd = 1";
        let expected = [
            ("/old".to_owned(), text("/new")),
            ("t".to_owned(), text("{\"d\":1}")),
        ];
        assert_eq!(read_text("x.toml", toml).unwrap(), expected);
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        for (name, text, words) in [
            ("x.json", "[1]", "not a JSON object"),
            (
                "x.json",
                "{\"a\": 1, \"a\": 2}",
                "the key \"a\" is there twice",
            ),
            ("x.json", "{\"a\": ", "line 1"),
            ("x.toml", "a = 1\na = 2", "line 2"),
            ("x.yaml", "a: 1", "neither .json nor .toml"),
        ] {
            let error = read_text(name, text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
