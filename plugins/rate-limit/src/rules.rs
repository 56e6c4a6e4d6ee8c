//! The configuration: how much is allowed, and whose requests are counted together.

use selvedge_sdk::prelude::*;
use serde::Deserialize;

use crate::addresses::{self, Network};
use crate::bucket::Bucket;

/// A bucket that takes longer to fill is forgotten before by most caches.
const MAX_SECONDS: u64 = 7 * 24 * 3600;
const MAX_NAME: usize = 64;
/// A longer key of a viewer counts as none: cache keys have at most 512 bytes.
const MAX_FIELD: usize = 256;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// Those of an address, or of its network.
    #[default]
    Address,
    /// Those with the same value of the field; of an address where it is missing.
    Field,
    /// Those of an address with the same value of the field.
    Both,
}

/// The plugin's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    requests: u32,
    seconds: u32,
    burst: Option<u32>,
    #[serde(default)]
    by: By,
    field: Option<String>,
    #[serde(default = "whole_v4")]
    ipv4_prefix: u8,
    #[serde(default = "site_v6")]
    ipv6_prefix: u8,
    #[serde(default)]
    exempt: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default = "the_only_one")]
    name: String,
    #[serde(default)]
    observe_only: bool,
}

fn whole_v4() -> u8 {
    32
}

fn site_v6() -> u8 {
    64
}

fn the_only_one() -> String {
    "requests".to_owned()
}

/// The rules that the hook follows.
pub(crate) struct Rules {
    pub(crate) bucket: Bucket,
    pub(crate) observe_only: bool,
    by: By,
    field: String,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    exempt: Vec<Network>,
    methods: Vec<String>,
    name: String,
}

impl Rules {
    pub(crate) fn new(settings: Settings) -> Result<Rules> {
        let burst = settings.burst.unwrap_or(settings.requests);
        if settings.requests == 0 || settings.seconds == 0 || burst == 0 {
            return Err("`requests`, `seconds` and `burst` are at least 1".into());
        }
        let fills = u64::from(settings.seconds) * u64::from(burst) / u64::from(settings.requests);
        if fills > MAX_SECONDS {
            return Err(format!(
                "an empty bucket would take {fills} s to fill; at most {MAX_SECONDS} s are allowed: lower `seconds` or `burst`"
            )
            .into());
        }
        if settings.by != By::Address && settings.field.as_deref().unwrap_or_default().is_empty() {
            return Err("`by` needs the name of a `field`".into());
        }
        if settings.by == By::Address && settings.field.is_some() {
            return Err("`field` means nothing without `by = \"field\"` or `by = \"both\"`".into());
        }
        if settings.ipv4_prefix > 32 || settings.ipv6_prefix > 128 {
            return Err("`ipv4_prefix` is at most 32, `ipv6_prefix` at most 128".into());
        }
        if settings.name.is_empty() || settings.name.len() > MAX_NAME {
            return Err(format!("`name` has 1 to {MAX_NAME} bytes").into());
        }
        let networks = settings.exempt.iter().map(|text| {
            Network::read(text).ok_or_else(|| {
                Error::Message(format!(
                    "`exempt` has {text:?}: it takes addresses and networks, for instance \"192.0.2.0/24\", with no bits behind the prefix"
                ))
            })
        });
        Ok(Rules {
            bucket: Bucket::new(settings.requests, settings.seconds, burst),
            observe_only: settings.observe_only,
            by: settings.by,
            field: settings.field.unwrap_or_default(),
            ipv4_prefix: settings.ipv4_prefix,
            ipv6_prefix: settings.ipv6_prefix,
            exempt: networks.collect::<Result<_>>()?,
            methods: settings.methods,
            name: settings.name,
        })
    }

    /// The cache key of the bucket that a request takes its token of; `None` where it needs none.
    pub(crate) fn bucket_of(&self, request: &Request) -> Result<Option<Vec<u8>>> {
        if !self.methods.is_empty() && !self.methods.contains(&request.method()) {
            return Ok(None);
        }
        let address = request.viewer_address();
        let address = addresses::read(&address)
            .ok_or_else(|| Error::Message(format!("the viewer's address is {address:?}")))?;
        if self.exempt.iter().any(|network| network.contains(address)) {
            return Ok(None);
        }
        let field = (self.by != By::Address)
            .then(|| request.field(&self.field))
            .flatten();
        let field = field.filter(|value| (1..=MAX_FIELD).contains(&value.len()));
        // Other buckets, other plugins' values and each other's parts can't be mistaken for one another.
        let mut key = format!("rate-limit\0{}\0", self.name).into_bytes();
        if field.is_none() || self.by == By::Both {
            key.push(if address.is_ipv4() { b'4' } else { b'6' });
            key.extend(addresses::prefix(
                address,
                self.ipv4_prefix,
                self.ipv6_prefix,
            ));
        }
        if let Some(field) = field {
            key.push(b'f');
            key.extend(field);
        }
        Ok(Some(key))
    }
}
