//! Viewers behind trusted proxies: what a load balancer or TLS terminator in front says of who asks, and how.
//!
//! X-Forwarded-For names the hops before the proxy, the nearest last. The viewer is the last hop that is not itself a trusted
//! proxy; what stands before it is the viewer's own claim. Afterwards the request looks as if the viewer had connected
//! here: the field keeps that claim, and X-Forwarded-Proto is gone.

use crate::config::Network;
use http::{HeaderMap, HeaderName, HeaderValue};
use selvedge_runtime::Scheme;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Trusted hops that are passed by on the way to the viewer. More are a loop, or an attack on the edge's time.
const MAX_HOPS: usize = 32;

/// Returns true if an address is that of a trusted proxy.
pub(super) fn is_trusted(trusted: &[Network], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Takes what a trusted proxy at `peer` says of the viewer off its request. The scheme is `None` where it says nothing that
/// can be understood.
pub(super) fn take(
    fields: &mut HeaderMap,
    peer: SocketAddr,
    trusted: &[Network],
) -> (SocketAddr, Option<Scheme>) {
    let protocols = joined(fields, &X_FORWARDED_PROTO);
    fields.remove(X_FORWARDED_PROTO);
    let Some(chain) = joined(fields, &X_FORWARDED_FOR) else {
        return (peer, scheme(&protocols.unwrap_or_default(), 0));
    };
    let mut viewer = peer;
    let mut claim = chain.as_slice();
    let mut hops = 0;
    while is_trusted(trusted, viewer.ip()) && hops < MAX_HOPS {
        let (before, hop) = split_last(claim);
        let Some(address) = address(hop) else {
            // What is no address says nothing. The hop behind it is the last that is known.
            break;
        };
        (viewer, claim) = (address, before);
        hops += 1;
    }
    match HeaderValue::from_bytes(claim.trim_ascii()) {
        Ok(claim) if !claim.is_empty() => drop(fields.insert(X_FORWARDED_FOR, claim)),
        _ => drop(fields.remove(X_FORWARDED_FOR)),
    }
    let scheme = scheme(&protocols.unwrap_or_default(), hops.saturating_sub(1));
    (viewer, scheme)
}

/// All lines of a field as one list.
fn joined(fields: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut lines = fields.get_all(name).iter();
    let mut all = lines.next()?.as_bytes().to_vec();
    for line in lines {
        all.push(b',');
        all.extend_from_slice(line.as_bytes());
    }
    Some(all)
}

/// The list without its last member, and that member.
fn split_last(list: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b',', list) {
        Some(comma) => {
            let (before, last) = list.split_at(comma);
            (before, last.get(1..).unwrap_or_default())
        }
        None => (&[], list),
    }
}

/// Reads a hop: an address, in brackets or not, with a port or without.
fn address(hop: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let text = text.trim_matches('"');
    let canonical = |address: IpAddr, port| SocketAddr::new(address.to_canonical(), port);
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(canonical(address.ip(), address.port()));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    Some(canonical(bare.parse().ok()?, 0))
}

/// The scheme by which the hop came that is `distance` members from the end. Proxies that don't extend the list say it once.
fn scheme(protocols: &[u8], distance: usize) -> Option<Scheme> {
    let mut members = protocols.split(|byte| *byte == b',').rev();
    let count = members.clone().count();
    let said = members.nth(distance.min(count - 1))?.trim_ascii();
    if said.eq_ignore_ascii_case(b"https") {
        Some(Scheme::Https)
    } else if said.eq_ignore_ascii_case(b"http") {
        Some(Scheme::Http)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Viewer, remaining claim and scheme, for these lines of X-Forwarded-For and this X-Forwarded-Proto.
    fn taken(
        peer: &str,
        lines: &[&str],
        protocol: Option<&str>,
    ) -> (String, String, Option<Scheme>) {
        let trusted: Vec<Network> = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]
            .map(|network| network.parse().expect("a network"))
            .into();
        let mut fields = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).expect("a value");
            fields.append(X_FORWARDED_FOR, value);
        }
        if let Some(protocol) = protocol {
            let value = HeaderValue::try_from(protocol).expect("a value");
            fields.insert(X_FORWARDED_PROTO, value);
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        let (viewer, scheme) = take(&mut fields, peer, &trusted);
        assert!(!fields.contains_key(X_FORWARDED_PROTO));
        let claim = fields.get(X_FORWARDED_FOR);
        let claim = claim.map_or("", |value| value.to_str().expect("text"));
        (viewer.to_string(), claim.to_owned(), scheme)
    }

    #[test]
    fn the_viewer_is_the_last_hop_that_is_not_trusted() {
        for (lines, viewer, claim) in [
            (&["192.0.2.1"][..], "192.0.2.1:0", ""),
            (&["1.1.1.1, 192.0.2.1"], "192.0.2.1:0", "1.1.1.1"),
            (&["1.1.1.1,192.0.2.1, 10.1.1.1"], "192.0.2.1:0", "1.1.1.1"),
            (
                &["1.1.1.1", "192.0.2.1", "10.1.1.1,10.2.2.2"],
                "192.0.2.1:0",
                "1.1.1.1",
            ),
            // All are trusted: the farthest.
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1:0", ""),
            // Ports, brackets, mapped addresses.
            (&["192.0.2.1:55"], "192.0.2.1:55", ""),
            (&["[2001:db8::1]:55"], "[2001:db8::1]:55", ""),
            (&["2001:db8::1"], "[2001:db8::1]:0", ""),
            (&["[2001:db8::1]"], "[2001:db8::1]:0", ""),
            (&["\"[2001:db8::1]:55\""], "[2001:db8::1]:55", ""),
            (&["::ffff:192.0.2.1, ::ffff:10.1.1.1"], "192.0.2.1:0", ""),
            // What is no address says nothing, and the hop behind it is the last that is known.
            (
                &["192.0.2.1, unknown"],
                "127.0.0.1:4711",
                "192.0.2.1, unknown",
            ),
            (
                &["192.0.2.1, unknown, 10.1.1.1"],
                "10.1.1.1:0",
                "192.0.2.1, unknown",
            ),
            (&["_hidden"], "127.0.0.1:4711", "_hidden"),
            (&["192.0.2.1,"], "127.0.0.1:4711", "192.0.2.1,"),
            (&[""], "127.0.0.1:4711", ""),
            (&[], "127.0.0.1:4711", ""),
        ] {
            let (found, left, _) = taken("127.0.0.1", lines, None);
            assert_eq!(
                (found.as_str(), left.as_str()),
                (viewer, claim),
                "{lines:?}"
            );
        }
        let (viewer, ..) = taken("::ffff:127.0.0.1", &["192.0.2.1"], None);
        assert_eq!(viewer, "192.0.2.1:0");
        let endless = vec!["10.0.0.1"; 5000].join(",");
        assert_eq!(taken("127.0.0.1", &[&endless], None).0, "10.0.0.1:0");
    }

    #[test]
    fn the_scheme_is_that_of_the_viewers_hop() {
        for (lines, protocol, scheme) in [
            (&["192.0.2.1"][..], "https", Some(Scheme::Https)),
            (&["192.0.2.1"], "HTTP", Some(Scheme::Http)),
            (&[], "https", Some(Scheme::Https)),
            // A proxy that extends the list behind what the viewer claims.
            (&["192.0.2.1"], "http, https", Some(Scheme::Https)),
            // Two proxies: both say something, or the first one only.
            (&["192.0.2.1, 10.1.1.1"], "https, http", Some(Scheme::Https)),
            (&["192.0.2.1, 10.1.1.1"], "https", Some(Scheme::Https)),
            (&["192.0.2.1"], "gopher", None),
            (&["192.0.2.1"], "", None),
        ] {
            let (.., found) = taken("127.0.0.1", lines, Some(protocol));
            assert_eq!(found, scheme, "{lines:?} {protocol:?}");
        }
        assert_eq!(taken("127.0.0.1", &["192.0.2.1"], None).2, None);
    }
}
