//! Configuration files as a test writes them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::origin::Origin;

/// A distribution file in the making. What a test does not say stays the host's default.
#[derive(Clone, Debug)]
pub struct Distribution {
    id: String,
    aliases: Vec<String>,
    top: String,
    origins: Vec<OriginEntry>,
    behavior: String,
    rest: String,
    plugins: Vec<String>,
}

#[derive(Clone, Debug)]
struct OriginEntry {
    id: String,
    domain: String,
    port: u16,
    lines: String,
}

impl Distribution {
    /// A distribution with this id and one origin, `main`, at this address.
    pub fn new(id: &str, origin: SocketAddr) -> Distribution {
        let distribution = Distribution {
            id: id.to_owned(),
            aliases: Vec::new(),
            top: String::new(),
            origins: Vec::new(),
            behavior: String::new(),
            rest: String::new(),
            plugins: Vec::new(),
        };
        distribution.origin_at("main", &origin.ip().to_string(), origin.port())
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// One more alias.
    pub fn alias(mut self, alias: &str) -> Distribution {
        self.aliases.push(alias.to_owned());
        self
    }

    /// More lines at the top, for instance `enabled = false`.
    pub fn top(mut self, lines: &str) -> Distribution {
        writeln!(self.top, "{lines}").expect("a string takes everything");
        self
    }

    /// One more origin with this id.
    pub fn origin(self, id: &str, origin: &Origin) -> Distribution {
        let address = origin.address();
        self.origin_at(id, &address.ip().to_string(), address.port())
    }

    /// One more origin with this id, domain and port.
    pub fn origin_at(mut self, id: &str, domain: &str, port: u16) -> Distribution {
        self.origins.push(OriginEntry {
            id: id.to_owned(),
            domain: domain.to_owned(),
            port,
            lines: String::new(),
        });
        self
    }

    /// Another domain for the first origin.
    pub fn origin_domain(mut self, domain: &str) -> Distribution {
        if let Some(origin) = self.origins.first_mut() {
            domain.clone_into(&mut origin.domain);
        }
        self
    }

    /// More lines for the first origin, for instance `read_timeout = 1`.
    pub fn origin_lines(mut self, lines: &str) -> Distribution {
        if let Some(origin) = self.origins.first_mut() {
            writeln!(origin.lines, "{lines}").expect("a string takes everything");
        }
        self
    }

    /// More lines for the default behavior, for instance `allowed_methods = ["GET", "HEAD", "POST"]`.
    pub fn behavior(mut self, lines: &str) -> Distribution {
        writeln!(self.behavior, "{lines}").expect("a string takes everything");
        self
    }

    /// The entries of the default behavior's `cache`, for instance `query = "all"`.
    pub fn cache(self, entries: &str) -> Distribution {
        self.behavior(&format!("cache = {{ {entries} }}"))
    }

    /// More tables at the end, for instance a `[[behaviors]]`.
    pub fn tables(mut self, tables: &str) -> Distribution {
        writeln!(self.rest, "{tables}").expect("a string takes everything");
        self
    }

    /// A plugin in the default behavior, with more lines of its table, for instance `on_error = "continue"`.
    pub fn plugin(mut self, name: &str, file: &Path, lines: &str) -> Distribution {
        self.plugins.push(name.to_owned());
        let file = file.display();
        self.tables(&format!(
            "[[plugins]]\nname = \"{name}\"\nfile = \"{file}\"\n{lines}"
        ))
    }

    /// The file's text.
    pub fn toml(&self) -> String {
        let list = |names: &[String]| {
            format!(
                "[{}]",
                names
                    .iter()
                    .map(|name| format!("{name:?}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        };
        let mut text = format!(
            "id = {:?}\naliases = {}\n{}",
            self.id,
            list(&self.aliases),
            self.top
        );
        for origin in &self.origins {
            let OriginEntry {
                id,
                domain,
                port,
                lines,
            } = origin;
            text += &format!(
                "\n[[origins]]\nid = {id:?}\ndomain = {domain:?}\nprotocol = \"http-only\"\nhttp_port = {port}\n{lines}"
            );
        }
        text += &format!("\n[default_behavior]\norigin = \"main\"\n{}", self.behavior);
        if !self.plugins.is_empty() {
            text += &format!("plugins = {}\n", list(&self.plugins));
        }
        text + "\n" + &self.rest
    }
}
