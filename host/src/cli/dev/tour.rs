//! Lines printed once the host serves: the addresses, and curl lines to paste.

use super::manifest::{Manifest, Step};
use crate::config::{Alias, Distribution};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where the viewer connects, as far as a URL says it.
struct Door {
    /// The host of a URL that is not chosen by name.
    ip: IpAddr,
    port: u16,
    /// True if names that mean this machine lead there.
    by_name: bool,
}

/// How a distribution is asked for.
struct Way {
    /// Scheme, host and port.
    url: String,
    /// The Host to send, if the URL does not say it.
    host: Option<String>,
}

/// The lines on where the distributions are and what may be asked of them.
pub(super) fn lines(
    manifest: &Manifest,
    distributions: &[Arc<Distribution>],
    addresses: &[SocketAddr],
) -> Vec<String> {
    let Some(door) = addresses.first().map(Door::new) else {
        return Vec::new();
    };
    let mut lines = vec![String::new()];
    for distribution in distributions {
        lines.push(format!("distribution {}", distribution.id.as_str()));
        if !distribution.enabled {
            lines.push("  is not enabled and answers 403".to_owned());
            continue;
        }
        for way in door.ways(distribution) {
            lines.push(match way.host {
                None => format!("  {}/", way.url),
                Some(host) => format!(
                    "  {}/ with the field {}",
                    way.url,
                    quote(&format!("Host: {host}"))
                ),
            });
        }
    }
    let first = distributions.iter().find(|one| one.enabled);
    if let Some(way) = first.and_then(|distribution| door.ways(distribution).into_iter().next()) {
        for step in manifest.tour() {
            lines.push(String::new());
            lines.push(format!("# {}", step.say));
            lines.push(curl(step, &way));
        }
    }
    lines.push(String::new());
    lines
}

impl Door {
    fn new(address: &SocketAddr) -> Door {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Door {
            ip,
            port: address.port(),
            by_name: ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST,
        }
    }

    /// The ways to a distribution, the shortest to type first: curl and browsers take `localhost` and all names below it
    /// for this machine; other names go into the field Host.
    fn ways(&self, distribution: &Distribution) -> Vec<Way> {
        let exact = distribution
            .aliases
            .iter()
            .filter_map(|alias| match &alias.value {
                Alias::Exact(name) => Some(name.as_str()),
                Alias::Wildcard(_) => None,
            });
        let names = exact.chain([distribution.domain.as_str()]);
        let mut ways: Vec<Way> = names.map(|name| self.way(name)).collect();
        ways.sort_by_key(|way| way.host.is_some());
        ways
    }

    fn way(&self, name: &str) -> Way {
        if self.by_name && (name == "localhost" || name.ends_with(".localhost")) {
            return Way {
                url: format!("http://{name}:{}", self.port),
                host: None,
            };
        }
        Way {
            url: format!("http://{}", SocketAddr::new(self.ip, self.port)),
            host: Some(name.to_owned()),
        }
    }
}

fn curl(step: &Step, way: &Way) -> String {
    let (options, path) = step.curl();
    let mut words = vec!["curl".to_owned(), "-si".to_owned()];
    if let Some(host) = &way.host {
        words.push("-H".to_owned());
        words.push(quote(&format!("Host: {host}")));
    }
    words.extend(options.iter().map(|option| quote(option)));
    words.push(in_quotes(&format!("{}{path}", way.url)));
    words.join(" ")
}

/// A word as a shell takes it for itself.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        in_quotes(word)
    }
}

fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn printed(aliases: &str, step: &str, address: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let (one, dev) = (dir.path().join("one.toml"), dir.path().join("dev.toml"));
        let text = format!(
            "id = \"one\"\naliases = {aliases}\n[[origins]]\nid = \"main\"\ndomain = \"127.0.0.1\"\n\
             [default_behavior]\norigin = \"main\"\n"
        );
        std::fs::write(&one, text).unwrap();
        std::fs::write(&dev, format!("[[tour]]\nsay = \"look\"\ncurl = {step}\n")).unwrap();
        let manifest = Manifest::read(&dev).unwrap();
        let config = config::load_one(&one).unwrap();
        lines(
            &manifest,
            &config.distributions,
            &[address.parse().unwrap()],
        )
    }

    fn pasted(aliases: &str, step: &str, address: &str) -> String {
        let lines = printed(aliases, step, address);
        lines
            .into_iter()
            .find(|line| line.starts_with("curl"))
            .unwrap()
    }

    #[test]
    fn a_curl_line_has_the_real_port_and_quotes_only_what_needs_it() {
        let line = pasted(
            r#"["localhost"]"#,
            r#"["-A", "iPhone", "/"]"#,
            "127.0.0.1:8082",
        );
        assert_eq!(line, "curl -si -A iPhone 'http://localhost:8082/'");
        let line = pasted(
            r#"["localhost"]"#,
            r#"["-H", "X-Canary: 1", "/?a=1&b=2"]"#,
            "127.0.0.1:8080",
        );
        assert_eq!(
            line,
            "curl -si -H 'X-Canary: 1' 'http://localhost:8080/?a=1&b=2'"
        );
    }

    #[test]
    fn a_shell_reads_back_every_word_as_it_was() {
        for word in [
            "",
            "it's",
            "$HOME `id` \"x\" \\",
            "a b",
            "~",
            "*",
            "plain-1.0",
            "caf\u{e9}",
            "!x",
        ] {
            let script = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn without_the_alias_localhost_the_assigned_name_is_used() {
        let line = pasted("[]", r#"["/"]"#, "0.0.0.0:8080");
        assert!(line.starts_with("curl -si 'http://d"), "{line}");
        assert!(line.ends_with(".edge.localhost:8080/'"), "{line}");
    }

    #[test]
    fn where_no_name_leads_to_the_address_the_name_goes_into_the_field_host() {
        let line = pasted(r#"["www.example.test"]"#, r#"["/"]"#, "127.0.0.2:8080");
        assert_eq!(
            line,
            "curl -si -H 'Host: www.example.test' 'http://127.0.0.2:8080/'"
        );
    }

    #[test]
    fn all_names_of_a_distribution_are_shown() {
        let lines = printed(
            r#"["www.example.test", "localhost"]"#,
            r#"["/"]"#,
            "127.0.0.1:8080",
        );
        assert_eq!(lines[1], "distribution one");
        assert_eq!(lines[2], "  http://localhost:8080/");
        assert!(
            lines[3].starts_with("  http://d") && lines[3].ends_with(".edge.localhost:8080/"),
            "{lines:?}"
        );
        assert_eq!(
            lines[4],
            "  http://127.0.0.1:8080/ with the field 'Host: www.example.test'"
        );
    }
}
