//! The configuration: what is told apart, and whether the origin is told.

use selvedge_sdk::edits::{Hook, may_change};
use selvedge_sdk::{Error, Result};
use serde::Deserialize;

use crate::device::{CLASSES, Device};

/// More languages would be more variants than a cache can fill.
const MAX_LANGUAGES: usize = 32;

/// The plugin's table as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    devices: Option<Vec<String>>,
    #[serde(default)]
    languages: Vec<String>,
    default_language: Option<String>,
    #[serde(default)]
    to_origin: bool,
    device_field: Option<String>,
    language_field: Option<String>,
}

/// The settings, checked.
#[derive(Default)]
pub(crate) struct Settings {
    /// The classes that are told apart from `desktop`; none where devices are not in the key.
    pub(crate) devices: Vec<Device>,
    /// None where languages are not in the key.
    pub(crate) languages: Vec<String>,
    pub(crate) default_language: String,
    pub(crate) to_origin: bool,
    pub(crate) device_field: String,
    pub(crate) language_field: String,
}

impl Settings {
    pub(crate) fn new(config: Config) -> Result<Settings> {
        let devices = match config.devices {
            Some(names) => devices(&names)?,
            None => vec![Device::Phone],
        };
        let default_language = languages(&config.languages, config.default_language)?;
        if devices.is_empty() && config.languages.is_empty() {
            return Err(
                "`devices` and `languages` are both empty: there is nothing to put into the key"
                    .into(),
            );
        }
        let device_field = field("device_field", config.device_field, "X-Device")?;
        let language_field = field("language_field", config.language_field, "X-Language")?;
        if device_field.eq_ignore_ascii_case(&language_field) {
            let message = format!("`device_field` and `language_field` are both {device_field:?}");
            return Err(Error::Message(message));
        }
        Ok(Settings {
            devices,
            languages: config.languages,
            default_language,
            to_origin: config.to_origin,
            device_field,
            language_field,
        })
    }

    pub(crate) fn tells_devices_apart(&self) -> bool {
        !self.devices.is_empty()
    }

    pub(crate) fn tells_languages_apart(&self) -> bool {
        !self.languages.is_empty()
    }

    /// Returns true if this is the word of a class that requests can get.
    pub(crate) fn has_device(&self, word: &str) -> bool {
        word == Device::Desktop.as_str() || self.devices.iter().any(|class| class.as_str() == word)
    }

    /// Returns true if this is one of the languages, spelled as in the configuration.
    pub(crate) fn has_language(&self, tag: &str) -> bool {
        self.languages.iter().any(|language| language == tag)
    }
}

fn devices(names: &[String]) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for name in names {
        let Some(class) = CLASSES.iter().find(|class| class.as_str() == name) else {
            let known = CLASSES.map(Device::as_str).join(", ");
            let message = format!(
                "`devices` names {name:?}; there are {known}, and desktop is what is none of those that are named"
            );
            return Err(Error::Message(message));
        };
        if !devices.contains(class) {
            devices.push(*class);
        }
    }
    Ok(devices)
}

/// Checks the languages, and finds the default: the first one where none is named.
fn languages(languages: &[String], default: Option<String>) -> Result<String> {
    if languages.len() > MAX_LANGUAGES {
        let count = languages.len();
        let message = format!("`languages` has {count}; it may have {MAX_LANGUAGES}");
        return Err(Error::Message(message));
    }
    for (place, language) in languages.iter().enumerate() {
        if !is_tag(language) {
            let message =
                format!("`languages` has {language:?}, which is no language tag such as \"pt-BR\"");
            return Err(Error::Message(message));
        }
        let mut before = languages.iter().take(place);
        if before.any(|other| other.eq_ignore_ascii_case(language)) {
            return Err(Error::Message(format!(
                "`languages` has {language:?} twice"
            )));
        }
    }
    match default {
        None => Ok(languages.first().cloned().unwrap_or_default()),
        Some(default) if languages.contains(&default) => Ok(default),
        Some(default) => {
            let message = format!(
                "`default_language` is {default:?}, which is not among `languages`: {}",
                languages.join(", ")
            );
            Err(Error::Message(message))
        }
    }
}

/// Subtags of one to eight letters and digits.
fn is_tag(text: &str) -> bool {
    text.split('-').all(|subtag| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn field(key: &str, name: Option<String>, otherwise: &str) -> Result<String> {
    let name = name.unwrap_or_else(|| otherwise.to_owned());
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(letter) {
        let message = format!(
            "`{key}` is {name:?}; the name of a field has letters, digits, `-` and `_`, for instance {otherwise:?}"
        );
        return Err(Error::Message(message));
    }
    if !may_change(Hook::ViewerRequest, &name) {
        let message = format!(
            "`{key}` is {name:?}, which no plugin may change; take one of your own, for instance {otherwise:?}"
        );
        return Err(Error::Message(message));
    }
    Ok(name)
}
