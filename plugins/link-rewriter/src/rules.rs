//! The configuration: which hosts' links begin differently, and in which attributes they are looked for.

use std::collections::BTreeMap;

use selvedge_sdk::prelude::*;
use serde::Deserialize;

/// The largest piece that the host hands over.
const PIECE: usize = 64 << 10;
/// The bytes that may be added to it: together, the default `body_bytes` of a call (1 MiB).
const GROWTH: usize = 15 * PIECE;
/// Of a host's name (RFC 1035), and a port.
pub(crate) const MAX_HOST: usize = 253 + 6;

/// The plugin's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    hosts: BTreeMap<String, String>,
    #[serde(default = "attributes")]
    attributes: Vec<String>,
    #[serde(default = "list_attributes")]
    list_attributes: Vec<String>,
    #[serde(default = "yes")]
    location: bool,
}

fn attributes() -> Vec<String> {
    ["href", "src", "action", "formaction", "poster"]
        .map(str::to_owned)
        .to_vec()
}

fn list_attributes() -> Vec<String> {
    ["srcset", "imagesrcset"].map(str::to_owned).to_vec()
}

fn yes() -> bool {
    true
}

/// The content of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// One link.
    Link,
    /// Links with descriptors, between commas.
    Links,
}

/// The links that are looked for, and their replacements.
pub(crate) struct Rules {
    hosts: BTreeMap<Vec<u8>, Vec<u8>>,
    attributes: BTreeMap<Vec<u8>, Holds>,
    location: bool,
}

impl Rules {
    pub(crate) fn new(settings: Settings) -> Result<Rules> {
        if settings.hosts.is_empty() {
            return Err(
                "`hosts` names no host: there would be nothing to do; add for instance \"old.example.com\" = \"\"".into(),
            );
        }
        let mut hosts = BTreeMap::new();
        for (host, beginning) in settings.hosts {
            check(&host, &beginning)?;
            hosts.insert(
                host.to_ascii_lowercase().into_bytes(),
                beginning.into_bytes(),
            );
        }
        let mut attributes = BTreeMap::new();
        let links = settings
            .attributes
            .into_iter()
            .map(|name| (name, Holds::Link));
        let lists = settings
            .list_attributes
            .into_iter()
            .map(|name| (name, Holds::Links));
        for (name, holds) in links.chain(lists) {
            let name = name.to_ascii_lowercase();
            if name.is_empty() || name.len() > crate::html::MAX_NAME {
                return Err(format!("{name:?} is no attribute's name").into());
            }
            attributes.insert(name.into_bytes(), holds);
        }
        Ok(Rules {
            hosts,
            attributes,
            location: settings.location,
        })
    }

    /// The replacement of the scheme and this authority; empty if links lose them.
    pub(crate) fn beginning(&self, authority: &[u8]) -> Option<&[u8]> {
        let authority = authority.to_ascii_lowercase();
        self.hosts.get(&authority).map(Vec::as_slice)
    }

    /// The content of an attribute of this name, in lower case; `None` for those that are not looked at.
    pub(crate) fn holds(&self, attribute: &[u8]) -> Option<Holds> {
        self.attributes.get(attribute).copied()
    }

    pub(crate) fn changes_location(&self) -> bool {
        self.location
    }
}

fn check(host: &str, beginning: &str) -> Result<()> {
    let name = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        (1..=MAX_HOST).contains(&text.len()) && text.bytes().all(allowed)
    };
    if !name(host) {
        return Err(format!(
            "`hosts` has {host:?}: it takes a host name, with a port where links have one, and nothing else of a link"
        )
        .into());
    }
    let after = ["https://", "http://", "//"]
        .iter()
        .find_map(|scheme| beginning.strip_prefix(scheme));
    if !beginning.is_empty() && !after.is_some_and(name) {
        return Err(format!(
            "`hosts.\"{host}\"` is {beginning:?}: it takes \"https://www.example.com\", \"//www.example.com\", or \"\" \
             for links to the page's own host; no path"
        )
        .into());
    }
    // In the worst page one such link follows the other: `//host, //host, `.
    let most = GROWTH / (PIECE / (host.len() + 4));
    if beginning.len() > most {
        return Err(format!(
            "`hosts.\"{host}\"` has {} bytes: for a name this short it takes {most}, so that no page can grow beyond limits",
            beginning.len()
        )
        .into());
    }
    Ok(())
}
