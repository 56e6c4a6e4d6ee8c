//! Hosts beside the origins that origin-selection hooks may name: `allowed_hosts`.

use crate::config::{self, Alias};
use crate::origin::{Origin, Tls};
use parking_lot::Mutex;
use selvedge_runtime::Scheme;
use std::sync::Arc;

/// Limit of hosts that stay with their connections; the one that was named longest ago gives way.
const MAX_KEPT: usize = 64;

/// The allowed hosts of a distribution.
pub(super) struct Hosts {
    allowed: Vec<Alias>,
    tls: Arc<Tls>,
    /// The one that was named last is the last.
    kept: Mutex<Vec<Arc<Origin>>>,
}

impl Hosts {
    pub(super) fn new(allowed: Vec<Alias>, tls: Arc<Tls>) -> Hosts {
        Hosts {
            allowed,
            tls,
            kept: Mutex::default(),
        }
    }

    /// The origin that a host is, or why it may not be asked.
    pub(super) fn find(
        &self,
        scheme: Scheme,
        name: &str,
        port: Option<u16>,
    ) -> Result<Arc<Origin>, String> {
        let name = name.to_ascii_lowercase();
        let Some(pattern) = self.allowed.iter().find(|pattern| pattern.covers(&name)) else {
            let allowed: Vec<String> = self.allowed.iter().map(Alias::to_string).collect();
            return Err(format!(
                "it chose the host '{}', but `allowed_hosts` of the distribution has {}",
                name.escape_debug(),
                if allowed.is_empty() {
                    "none".to_owned()
                } else {
                    allowed.join(", ")
                }
            ));
        };
        let port = port.unwrap_or(match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        });
        let settings =
            config::Origin::of_host(pattern.to_string(), &name, scheme == Scheme::Https, port)
                .ok_or_else(|| {
                    format!(
                        "it chose '{}' with the port {port}: a host name, and a port of 80, 443, or 1024 to 65535",
                        name.escape_debug()
                    )
                })?;
        let mut kept = self.kept.lock();
        let place = kept.iter().position(|one| *one.settings() == settings);
        let origin = match place {
            Some(place) => kept.remove(place),
            None => Arc::new(Origin::new(settings, self.tls.clone())),
        };
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push(origin.clone());
        Ok(origin)
    }

    pub(super) fn close_idle(&self) {
        for origin in self.kept.lock().iter() {
            origin.close_idle();
        }
    }
}
