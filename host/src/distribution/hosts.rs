//! Hosts beside the origins that origin-selection hooks may name: `allowed_hosts`.

use crate::config::{self, Alias};
use crate::origin::{Origin, Tls};
use parking_lot::Mutex;
use selvedge_runtime::Scheme;
use std::sync::Arc;

/// Hosts remembered with their connections. The one that was named longest ago gives way.
const MAX_RECENT: usize = 64;

/// The allowed hosts of a distribution.
pub(super) struct Hosts {
    allowed: Vec<Alias>,
    tls: Arc<Tls>,
    /// The one that was named last is the last.
    recent: Mutex<Vec<Named>>,
}

/// A host that a plugin has named, and the origin that it is.
struct Named {
    scheme: Scheme,
    /// In lower case.
    name: String,
    port: u16,
    origin: Arc<Origin>,
}

impl Hosts {
    pub(super) fn new(allowed: Vec<Alias>, tls: Arc<Tls>) -> Hosts {
        Hosts {
            allowed,
            tls,
            recent: Mutex::default(),
        }
    }

    /// Returns the origin that a host is, or why it may not be asked. A host that was named before costs a comparison of
    /// names.
    pub(super) fn find(
        &self,
        scheme: Scheme,
        name: &str,
        port: Option<u16>,
    ) -> Result<Arc<Origin>, String> {
        let port = port.unwrap_or(match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        });
        let mut recent = self.recent.lock();
        let known = recent.iter().position(|one| {
            one.scheme == scheme && one.port == port && one.name.eq_ignore_ascii_case(name)
        });
        let named = match known {
            Some(index) => recent.remove(index),
            None => Named {
                scheme,
                name: name.to_ascii_lowercase(),
                port,
                origin: self.origin(scheme, &name.to_ascii_lowercase(), port)?,
            },
        };
        let origin = named.origin.clone();
        if recent.len() == MAX_RECENT {
            recent.remove(0);
        }
        recent.push(named);
        Ok(origin)
    }

    /// Makes the origin of a host that is allowed.
    fn origin(&self, scheme: Scheme, name: &str, port: u16) -> Result<Arc<Origin>, String> {
        let Some(pattern) = self.allowed.iter().find(|pattern| pattern.covers(name)) else {
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
        let settings =
            config::Origin::of_host(pattern.to_string(), name, scheme == Scheme::Https, port)
                .ok_or_else(|| {
                    format!(
                        "it chose '{}' with the port {port}: a host name, and a port of 80, 443, or 1024 to 65535",
                        name.escape_debug()
                    )
                })?;
        Ok(Arc::new(Origin::new(settings, self.tls.clone())))
    }

    pub(super) fn close_idle(&self) {
        for named in self.recent.lock().iter() {
            named.origin.close_idle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let allowed = Alias::Wildcard("shop.test".to_owned());
        Hosts::new(vec![allowed], Arc::new(Tls::web()))
    }

    #[test]
    fn a_host_that_was_named_before_is_the_same_origin() {
        let hosts = hosts();
        let find = |scheme, name, port| hosts.find(scheme, name, port).expect("it is allowed");
        let first = find(Scheme::Https, "a.shop.test", None);
        assert_eq!(first.id(), "*.shop.test");
        assert!(Arc::ptr_eq(
            &first,
            &find(Scheme::Https, "A.Shop.test", None)
        ));
        assert!(Arc::ptr_eq(
            &first,
            &find(Scheme::Https, "a.shop.test", Some(443))
        ));
        for other in [
            find(Scheme::Http, "a.shop.test", None),
            find(Scheme::Https, "b.shop.test", None),
            find(Scheme::Https, "a.shop.test", Some(8443)),
        ] {
            assert!(!Arc::ptr_eq(&first, &other));
        }
        assert!(hosts.find(Scheme::Https, "shop.example", None).is_err());
        assert!(hosts.find(Scheme::Https, "a.shop.test", Some(25)).is_err());
    }

    #[test]
    fn the_host_that_was_named_longest_ago_gives_way() {
        let hosts = hosts();
        let find = |name: &str| hosts.find(Scheme::Http, name, None).expect("it is allowed");
        let (first, second) = (find("first.shop.test"), find("second.shop.test"));
        for number in 0..MAX_RECENT - 1 {
            assert!(Arc::ptr_eq(&second, &find("second.shop.test")));
            find(&format!("{number}.shop.test"));
        }
        assert!(Arc::ptr_eq(&second, &find("second.shop.test")));
        assert!(!Arc::ptr_eq(&first, &find("first.shop.test")));
        assert_eq!(hosts.recent.lock().len(), MAX_RECENT);
    }
}
