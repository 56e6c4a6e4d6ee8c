//! Names: identifiers, host names, and the domain names that distributions are assigned.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::printable::printable;
use super::report::Problem;

/// A host name under which viewers reach a distribution, besides the assigned one. Lower case.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Alias {
    /// Exactly this host.
    Exact(String),
    /// Every host below this domain, at any depth, but not the domain itself: `*.example.com` is kept as
    /// `example.com`.
    Wildcard(String),
}

impl Alias {
    /// Returns true if it stands for this host, which is in lower case.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Alias::Exact(name) => name == host,
            Alias::Wildcard(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
        }
    }
}

impl std::fmt::Display for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Alias::Exact(host) => write!(f, "{host}"),
            Alias::Wildcard(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// A host name, or all below a domain, without a copy of its text.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName<'a> {
    /// True for every host below the domain `name`.
    pub wildcard: bool,
    /// The name, in lower case.
    pub name: &'a str,
}

impl<'a> HostName<'a> {
    /// Exactly this host.
    pub fn exact(name: &'a str) -> HostName<'a> {
        HostName {
            wildcard: false,
            name,
        }
    }

    /// The name of an alias.
    pub fn of(alias: &'a Alias) -> HostName<'a> {
        match alias {
            Alias::Exact(name) => HostName::exact(name),
            Alias::Wildcard(name) => HostName {
                wildcard: true,
                name,
            },
        }
    }
}

impl std::fmt::Display for HostName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wildcard = if self.wildcard { "*." } else { "" };
        write!(f, "{wildcard}{}", self.name)
    }
}

/// The domain name that a distribution always has: `d`, 13 characters made from its id, and `suffix`.
///
/// One id gives one name everywhere and at all times. The characters are the first 65 bits of the
/// id's BLAKE3 hash in base 32 (RFC 4648, lower case), so two ids hardly ever meet; if they do, loading
/// refuses them.
pub fn assigned(id: &str, suffix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = blake3::hash(id.as_bytes());
    let mut name = String::with_capacity(15 + suffix.len());
    name.push('d');
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in hash.as_bytes().iter().take(9) {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 && name.len() < 14 {
            count -= 5;
            let digit = (bits >> count) & 31;
            // Five bits: always within the alphabet.
            name.extend(ALPHABET.get(digit as usize).map(|c| char::from(*c)));
        }
        bits &= 0xff;
    }
    name.push('.');
    name.push_str(suffix);
    name
}

/// An identifier of a distribution, an origin, a plugin or an edge: 1 to 64 letters, digits, `-`, `_` and
/// `.`, beginning with a letter or digit. Safe in file names, fields, logs and metrics.
pub(super) fn identifier(text: &str) -> Result<String, Problem> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= 64 && text.chars().all(inner) {
        return Ok(text.to_owned());
    }
    let problem = Problem::new(format!("`{}` cannot be a name here", printable(text)));
    Err(problem
        .allowed("1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"))
}

/// An alias: a host name in lower case, or `*.` and one.
pub(super) fn alias(text: &str) -> Result<Alias, Problem> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        let problem = Problem::new(format!(
            "`{}` has its wildcard in the wrong place",
            printable(text)
        ));
        return Err(problem
            .allowed("`*` as the whole leftmost label, with a domain after it")
            .help("for instance \"*.example.com\""));
    }
    if text.bytes().any(|c| c.is_ascii_uppercase()) {
        let problem = Problem::new(format!(
            "the name `{}` is not in lower case",
            printable(text)
        ));
        return Err(problem.help(format!(
            "write \"{}\"",
            printable(&text.to_ascii_lowercase())
        )));
    }
    let name = host_name(name)?;
    Ok(match text.starts_with("*.") {
        true => Alias::Wildcard(name),
        false => Alias::Exact(name),
    })
}

/// A host name (RFC 1123, `_` also allowed) without scheme, port or path; given back in lower case.
pub(super) fn host_name(text: &str) -> Result<String, Problem> {
    let refuse =
        |why: &str| Problem::new(format!("`{}` is not a host name: {why}", printable(text)));
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or("");
    let bare = bare.split_once(':').map_or(bare, |(host, _)| host);
    if bare != text && !bare.is_empty() && !bare.starts_with('[') {
        return Err(refuse("no scheme, port or path belongs here")
            .help(format!("write \"{}\"", printable(bare))));
    }
    if !text.is_ascii() {
        return Err(
            refuse("it is not ASCII").help("write an international name in its `xn--` form")
        );
    }
    if let Some(dotless) = text.strip_suffix('.') {
        return Err(refuse("it ends with a dot").help(format!("write \"{}\"", printable(dotless))));
    }
    if text.is_empty() || text.len() > 253 {
        return Err(refuse("it must have 1 to 253 characters"));
    }
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let sound = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match text.split('.').find(|label| !sound(label)) {
        Some("") => Err(refuse("there is nothing before, after or between its dots")),
        None => Ok(text.to_ascii_lowercase()),
        Some(label) => Err(
            refuse(&format!("the label `{}` is not allowed", printable(label)))
                .allowed("labels of 1 to 63 letters, digits, `-` and `_`, no `-` at either end"),
        ),
    }
}

/// The address of an origin: a host name, an IPv4 address, or an IPv6 address (given back in brackets, as in a
/// URL).
pub(super) fn origin_domain(text: &str) -> Result<String, Problem> {
    let unbracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(address) = unbracketed.unwrap_or(text).parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(address.to_string());
    }
    host_name(text).map_err(|problem| match text.split_once("://").map_or(text, |(_, rest)| rest).contains(':') {
        true => problem.note("the port of an origin is said by `http_port` and `https_port`, the scheme by `protocol`"),
        false => problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assigned_name_never_changes() {
        let name = assigned("quickstart", "edge.localhost");
        assert_eq!(name, assigned("quickstart", "edge.localhost"));
        let (label, suffix) = name.split_once('.').unwrap();
        assert_eq!(suffix, "edge.localhost");
        assert_eq!(label.len(), 14);
        assert!(
            label
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        );
        assert_ne!(name, assigned("Quickstart", "edge.localhost"));
    }

    #[test]
    fn aliases_are_lower_case_hosts_with_a_wildcard_only_in_front() {
        assert_eq!(
            alias("www.example.com").ok(),
            Some(Alias::Exact("www.example.com".into()))
        );
        assert_eq!(
            alias("*.example.com").ok(),
            Some(Alias::Wildcard("example.com".into()))
        );
        for bad in [
            "",
            "*",
            "*.",
            "w*.example.com",
            "a.*.example.com",
            "WWW.example.com",
            "a..b",
            "-a.b",
            "a.b.",
            "a b",
            "a.b:80",
            "http://a.b",
            "a.b/c",
            "b\u{fc}cher.de",
            &"a".repeat(64),
            &"a.".repeat(140),
        ] {
            assert!(alias(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_covers_what_is_below_its_domain() {
        let below = Alias::Wildcard("example.com".into());
        for (host, covered) in [
            ("a.example.com", true),
            ("a.b.example.com", true),
            ("example.com", false),
            (".example.com", false),
            ("evilexample.com", false),
            ("a.example.com.evil", false),
        ] {
            assert_eq!(below.covers(host), covered, "{host}");
        }
        assert!(Alias::Exact("a.b".into()).covers("a.b"));
    }

    #[test]
    fn origins_may_be_addresses() {
        assert_eq!(origin_domain("::1").ok().as_deref(), Some("[::1]"));
        assert_eq!(origin_domain("[::1]").ok().as_deref(), Some("[::1]"));
        assert_eq!(
            origin_domain("127.0.0.1").ok().as_deref(),
            Some("127.0.0.1")
        );
        assert_eq!(
            origin_domain("Origin.Example").ok().as_deref(),
            Some("origin.example")
        );
        assert!(origin_domain("127.0.0.1:80").is_err());
        assert!(origin_domain("[::1]:80").is_err());
    }
}
