//! Networks of IP addresses, as `trusted_proxies` lists them.

use super::printable::printable;
use super::report::Problem;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A network: all addresses that begin with the same bits.
///
/// An IPv6 network of mapped IPv4 addresses (`::ffff:0:0/96` and smaller) is the IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The bits that all its addresses begin with, as those of an IPv6 address; IPv4 addresses are mapped.
    bits: u128,
    /// The bits that count.
    mask: u128,
}

impl Network {
    /// Returns true if the address is in the network. A mapped IPv4 address is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.bits
    }
}

impl FromStr for Network {
    type Err = Problem;

    /// Reads `ADDRESS/BITS`, or an address alone.
    fn from_str(text: &str) -> Result<Network, Problem> {
        network(text)
    }
}

fn network(text: &str) -> Result<Network, Problem> {
    let wrong = || {
        let problem = Problem::new(format!(
            "`{}` is not a network of IP addresses",
            printable(text)
        ));
        problem.help("for instance \"10.0.0.0/8\", \"2001:db8::/32\" or \"127.0.0.1\"")
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let size = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => size,
        // `parse` would take a plus sign too.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|prefix| *prefix <= size)
            .ok_or_else(wrong)?,
        Some(_) => return Err(wrong()),
    };
    // The bits of an IPv4 address are the last ones of the mapped address.
    let mask = u128::MAX.checked_shl(size - prefix).unwrap_or_default()
        | if size == 32 { !u128::from(u32::MAX) } else { 0 };
    let network = Network {
        bits: bits(address) & mask,
        mask,
    };
    if network.bits == bits(address) {
        return Ok(network);
    }
    let first = Ipv6Addr::from_bits(network.bits).to_canonical();
    let problem = Problem::new(format!(
        "`{}` has bits set beyond the {prefix} that count",
        printable(text)
    ));
    Err(problem.help(format!("write \"{first}/{prefix}\"")))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(text: &str, address: &str) -> bool {
        let network = network(text);
        let network = network.unwrap_or_else(|problem| panic!("{problem:?}"));
        network.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_contains_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("192.0.2.128/25", "192.0.2.129", "192.0.2.127"),
            ("0.0.0.0/0", "198.51.100.1", "2001:db8::1"),
            ("::/0", "198.51.100.1", ""),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            // Mapped addresses, in the list and on the connection.
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            if !outside.is_empty() {
                assert!(!contains(network, outside), "{network} {outside}");
            }
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "example.com",
            "10.0.0.0:80",
            " 10.0.0.0/8",
            "[::1]",
            "10.0.0.0/99999999999",
        ] {
            assert!(network(text).is_err(), "{text}");
        }
        let problem = network("10.1.2.3/8").expect_err("bits beyond the prefix");
        assert!(format!("{problem:?}").contains("10.0.0.0/8"), "{problem:?}");
    }
}
