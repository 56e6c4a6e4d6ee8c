//! Hosts: a name or an address, with an optional port (RFC 9110, section 7.2).

use super::syntax::{Class, class, end_of};
use std::net::Ipv6Addr;

/// A registered name, taken for a DNS name: nothing else can name a distribution.
static HOST_NAME: Class = class(b"-._", &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')]);

/// Longest name that DNS can hold, in its text form.
const MAX_HOST_NAME: usize = 253;

/// Returns true if the value is `uri-host [":" port]`, with a DNS name, an IPv4 address or a bracketed IPv6 address.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (host_is_good, rest) = if let Some(literal) = value.strip_prefix(b"[") {
        let Some(end) = literal.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let (address, rest) = literal.split_at(end);
        let address = std::str::from_utf8(address).unwrap_or_default();
        (address.parse::<Ipv6Addr>().is_ok(), &rest[1..])
    } else {
        let (name, rest) = value.split_at(end_of(&HOST_NAME, value, 0));
        (!name.is_empty() && name.len() <= MAX_HOST_NAME, rest)
    };
    host_is_good && (rest.is_empty() || is_port(rest))
}

/// Returns true if the value is `":" *DIGIT` with a number that is a port.
fn is_port(value: &[u8]) -> bool {
    let Some(digits) = value.strip_prefix(b":") else {
        return false;
    };
    digits.len() <= 5
        && digits.iter().all(u8::is_ascii_digit)
        && digits
            .iter()
            .fold(0_u32, |port, digit| port * 10 + u32::from(*digit - b'0'))
            <= u32::from(u16::MAX)
}
