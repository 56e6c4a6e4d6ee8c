//! Capabilities that a plugin's configuration describes: backends that it may fetch from, and secrets.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::names;
use super::printable::printable;
use super::report::Problem;
use super::scalar::{boolean, duration, path, size, string, text};
use super::source::{At, Placed};
use super::walk::{Table, Value, entries, placed, table};

/// One `[plugins.fetch.NAME]`: where a plugin may send requests of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// The name that the plugin uses.
    pub name: String,
    /// `url`: where it is. Required.
    pub url: BackendUrl,
    /// `timeout`: for a whole request, from resolving the name to the last byte, 1 ms to 60 s. Default 1 s. A request ends at
    /// the latest a tenth of the plugin's `wall` limit before that, so that the plugin can act upon it.
    pub timeout: Duration,
    /// The position of `timeout`, if it is set.
    pub timeout_at: Option<At>,
    /// `max_bytes`: how large an answer may be, 1 KiB to 64 MiB. Default 1 MiB.
    pub max_bytes: u64,
    /// `allow_private`: whether its addresses may be loopback, private, link-local or otherwise not public. Default `false`.
    pub allow_private: bool,
    /// `ca_file`: PEM certificates to trust in place of the public ones. Default: the public ones.
    pub ca_file: Option<Placed<PathBuf>>,
}

/// The parts of a backend's `url`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendUrl {
    /// True if it is spoken to by TLS.
    pub secure: bool,
    /// The name or address, an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Put before the path of every request; does not end with `/`.
    pub path: String,
}

/// One entry of `[plugins.secrets]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// The name that the plugin uses, and its place.
    pub name: Placed<String>,
    /// Source of the value.
    pub source: SecretSource,
}

/// Source of a secret's value. The value itself is never in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// `file`: the content of a file, a line end at its end left out.
    File(PathBuf),
    /// `env`: a variable of the host's environment.
    Env(String),
}

/// Reads `fetch`: a table of backends.
pub(super) fn backends(value: &Value<'_>) -> Option<Vec<Backend>> {
    named(value, |name, value| {
        let read = table("a backend", |t| backend(name.value.clone(), t));
        read(value)
    })
}

/// Warns of timeouts that the plugin's own limit of time comes before.
pub(super) fn warn_of_long_timeouts(t: &Table<'_>, backends: &[Backend], wall: Duration) {
    for backend in backends.iter().filter(|backend| backend.timeout >= wall) {
        let Some(at) = backend.timeout_at else {
            continue;
        };
        let problem = Problem::new(format!(
            "the backend `{}` has a timeout of {} ms, and the plugin's hooks have {} ms in all (limits.wall)",
            backend.name,
            backend.timeout.as_millis(),
            wall.as_millis()
        ));
        let problem = problem.at(at).warning().note(
            "a request ends as timed out before the hook does, when a tenth of that time is left",
        );
        t.file
            .problems
            .add(problem.help("choose a shorter timeout, or a longer wall"));
    }
}

/// Reads `fetch` of a scenario, whose backends are all scripted: of their `url` only the path counts, and they are on this
/// machine.
pub(super) fn scripted_backends(
    scripts: &[Placed<String>],
) -> impl Fn(&Value<'_>) -> Option<Vec<Backend>> {
    move |value| {
        named(value, |name, value| {
            if !scripts.iter().any(|script| **script == *name) {
                let problem = Problem::new(format!("the backend `{name}` has no script"))
                    .at(name.at)
                    .note("a scenario asks nobody outside of this machine")
                    .help(format!("add [[backends]] with name = \"{name}\""));
                value.file.problems.add(problem);
                return None;
            }
            let read = |t: &Table<'_>| {
                let typed = t.or("url", BackendUrl::default(), text(url));
                Backend {
                    allow_private: true,
                    ..rest(name.value.clone(), local(typed.path), t)
                }
            };
            table("a backend", read)(value)
        })
    }
}

/// A scripted backend of which the scenario says nothing else.
pub(super) fn scripted_backend(name: &str) -> Backend {
    let Bounds { timeout, max_bytes } = Bounds::default();
    Backend {
        name: name.to_owned(),
        url: local(String::new()),
        timeout,
        timeout_at: None,
        max_bytes,
        allow_private: true,
        ca_file: None,
    }
}

fn local(path: String) -> BackendUrl {
    BackendUrl {
        secure: false,
        host: "127.0.0.1".to_owned(),
        port: 80,
        path,
    }
}

/// Reads `secrets`: a table of sources.
pub(super) fn secrets(value: &Value<'_>) -> Option<Vec<Secret>> {
    named(value, |name, value| {
        let source = table("a secret", source)(value)??;
        Some(Secret { name, source })
    })
}

/// A table whose keys are names; all entries are read.
fn named<'a, T>(
    value: &Value<'a>,
    read: impl Fn(Placed<String>, &Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let read = entries(value)?.into_iter().map(|(name, value)| {
        if let Err(problem) = names::identifier(&name) {
            value.file.problems.add(problem.at(name.at));
            return None;
        }
        read(name, &value)
    });
    // Collected first, so that no entry hides the problems of the next.
    let read: Vec<Option<T>> = read.collect();
    read.into_iter().collect()
}

fn backend(name: String, t: &Table<'_>) -> Backend {
    let url = t.required("url", "url = \"https://api.example.com\"", text(url));
    rest(name, url, t)
}

/// The bounds that a backend has where nothing is said.
struct Bounds {
    timeout: Duration,
    max_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            timeout: Duration::from_millis(1000),
            max_bytes: 1 << 20,
        }
    }
}

fn rest(name: String, url: BackendUrl, t: &Table<'_>) -> Backend {
    let ms = Duration::from_millis;
    let usual = Bounds::default();
    Backend {
        name,
        url,
        timeout: t.or("timeout", usual.timeout, duration(ms(1)..=ms(60_000))),
        timeout_at: t.place("timeout"),
        max_bytes: t.or("max_bytes", usual.max_bytes, size((1 << 10)..=(64 << 20))),
        allow_private: t.or("allow_private", false, boolean),
        ca_file: t.optional("ca_file", placed(path)),
    }
}

fn source(t: &Table<'_>) -> Option<SecretSource> {
    t.exclusive("file", "env");
    let file = t.optional("file", path).map(SecretSource::File);
    let env = t.optional("env", variable).map(SecretSource::Env);
    if t.place("file").is_none() && t.place("env").is_none() {
        let problem = Problem::new("a secret lacks its source");
        t.refuse(
            problem.help("name a file or a variable: { file = \"token\" } or { env = \"TOKEN\" }"),
        );
    }
    file.or(env)
}

fn variable(value: &Value<'_>) -> Option<String> {
    let name = string(value)?;
    match name.is_empty() || name.contains(['=', '\0']) {
        false => Some(name),
        true => value.refuse(Problem::new(format!(
            "`{}` cannot be the name of a variable",
            printable(&name)
        ))),
    }
}

fn url(text: &str) -> Result<BackendUrl, Problem> {
    let refuse = |why: &str| {
        Problem::new(format!(
            "`{}` is no URL of a backend: {why}",
            printable(text)
        ))
        .allowed("http:// or https://, a host, a port and a path perhaps")
        .help("for instance \"https://api.example.com/v1\"")
    };
    let uri: Uri = text.parse().map_err(|_| refuse("it can't be read"))?;
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(refuse("it begins with neither http:// nor https://")),
    };
    let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(refuse("a user name has no place in it; use a secret"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(refuse("it has a query or a fragment"));
    }
    let after_host = authority.as_str().strip_prefix(authority.host());
    let port = match after_host.unwrap_or_default().strip_prefix(':') {
        None if secure => 443,
        None => 80,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| refuse("its port is not one of 1 to 65535"))?,
    };
    Ok(BackendUrl {
        secure,
        host: names::origin_domain(authority.host())?,
        port,
        path: uri.path().trim_end_matches('/').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_a_plain_url() {
        let read = |text| url(text).unwrap();
        assert_eq!(
            read("https://Api.Example.com/v1/"),
            BackendUrl {
                secure: true,
                host: "api.example.com".to_owned(),
                port: 443,
                path: "/v1".to_owned()
            }
        );
        let local = read("http://[::1]:8080");
        assert_eq!(
            (local.host.as_str(), local.port, local.path.as_str()),
            ("[::1]", 8080, "")
        );
        for bad in [
            "",
            "api.example.com",
            "ftp://a.b",
            "https://",
            "https://u:p@a.b",
            "https://a.b?x",
            "https://a.b/#x",
            "https://a.b:0",
            "https://a.b:99999",
            "https://a..b",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_timeout_that_a_hooks_time_comes_before_draws_a_warning() {
        let warnings = |timeout: &str, wall: &str| {
            let plugin = format!(
                "plugins = [\"asks\"]\n[[plugins]]\nname = \"asks\"\nfile = \"asks.wasm\"\n{wall}\n\
                 [plugins.fetch.api]\nurl = \"https://api.example.com\"\n{timeout}"
            );
            let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
            let text = format!(
                "id = \"shop\"\n[[origins]]\nid = \"main\"\ndomain = \"origin.example\"\n\
                 [default_behavior]\norigin = \"main\"\n{plugin}"
            );
            std::fs::write(file.path(), text).unwrap();
            let config = crate::config::load_one(file.path()).unwrap();
            config.warnings.to_string()
        };
        for (timeout, wall) in [
            ("timeout = \"1 s\"", ""),
            ("timeout = \"500 ms\"", "limits = { wall = \"100 ms\" }"),
        ] {
            let said = warnings(timeout, wall);
            assert!(said.contains("limits.wall"), "{said}");
        }
        for (timeout, wall) in [
            ("timeout = \"900 ms\"", ""),
            ("", ""),
            ("", "limits = { wall = \"100 ms\" }"),
        ] {
            assert_eq!(warnings(timeout, wall), "no problems");
        }
    }
}
