//! The server file: listeners, store, and the limits that plugins have unless their distribution says
//! otherwise.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::Limits;
use super::names;
use super::networks::Network;
use super::printable::printable;
use super::report::Problem;
use super::scalar::{boolean, integer, path, size, text};
use super::short_circuit::ShortCircuit;
use super::source::{At, Placed};
use super::walk::{self, Kind, Table, Value, kind, list, placed, table};

/// Networks of trusted proxies: each is compared with the address of each connection.
const MAX_TRUSTED_PROXIES: usize = 256;

/// Names of the admin listener.
const MAX_ADMIN_HOSTS: usize = 16;

/// The least that `max_connections_per_address` is where it is not set.
const MIN_CONNECTIONS_PER_ADDRESS: usize = 256;

/// Each is asked in turn for a fact that those before it do not know.
const MAX_GEO_DATABASES: usize = 8;

/// Settings of one server file. Paths are relative to the file's folder, and resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// `listen`: where viewers connect: a list of IP addresses with ports. Default `["127.0.0.1:8080"]`.
    /// Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// `admin`: where health and metrics are served; a loopback address with port. Default: nowhere.
    pub admin: Option<SocketAddr>,
    /// `socket`: the Unix socket of the admin commands. Default: `admin.sock` in the store's folder.
    pub socket: PathBuf,
    /// `domain_suffix`: assigned domain names are `d`, 13 characters, a dot, and this. Default
    /// `"edge.localhost"`.
    pub domain_suffix: String,
    /// `distributions`: the folder whose `*.toml` files are the distributions. Default `"distributions"`.
    pub distributions: Placed<PathBuf>,
    /// `edge`: this edge's name in Via, Cache-Status and logs: 1 to 64 letters, digits, `-`, `_`, `.`.
    /// Default
    /// `"edge"`.
    pub edge: String,
    /// `access_log`: one log line per request. Default `true`.
    pub access_log: bool,
    /// `debug_fields`: whether a request with `Selvedge-Debug: key` gets its cache key in Cache-Status. Default `false`: keys
    /// show what the cache policy and the plugins look at.
    pub debug_fields: bool,
    /// `workers`: threads that serve requests, 1 to 1024. Default: one per processor.
    pub workers: Option<usize>,
    /// `max_fetches`: how many fetches from origins may be under way at once, 1 to 1 000 000. A request that needs one more
    /// gets a stale response where it may, else 503. Default 10 000.
    pub max_fetches: usize,
    /// `max_connections`: how many viewers' connections may be open at once, 1 to 1 000 000. A further one is closed unread.
    /// Default 16 384.
    pub max_connections: usize,
    /// `max_connections_per_address`: the same for one address of viewers, or one IPv6 network of 64 bits; trusted proxies have
    /// no such limit. Default: a quarter of `max_connections`, and at least 256.
    pub max_connections_per_address: Option<usize>,
    /// `trusted_proxies`: networks of the proxies in front of this edge, whose X-Forwarded-For and X-Forwarded-Proto count, up
    /// to 256. Default: none.
    pub trusted_proxies: Arc<[Network]>,
    /// `admin_hosts`: names by which the admin listener may be asked for, beside `localhost` and addresses, up to 16. Default:
    /// none.
    pub admin_hosts: Vec<String>,
    /// `geo_database`: databases in MaxMind's format, for the geographic facts that plugins read: a path, or a list of up to
    /// 8, of which the first one that knows a fact says it. Default: none.
    pub geo_databases: Vec<Placed<PathBuf>>,
    /// `[store]`: where stored responses are, and how much room they have.
    pub store: StoreSettings,
    /// `[limits]`: the limits of every plugin whose own entry does not set them.
    pub limits: Limits,
    /// `[short_circuit]`: when plugins whose own entry does not say it are not called any more.
    pub short_circuit: ShortCircuit,
}

/// The table `[store]` of the server file.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// `path`: the folder of the store's files; one process at a time. Default `".selvedge"`.
    pub dir: PathBuf,
    /// `memory`: how much of the cache is held in memory, 1 MiB to 16 TiB. Default `"256 MiB"`.
    pub memory_bytes: u64,
    /// `disk`: how much of the cache is held on disk, 16 MiB to 1 PiB. Default `"2 GiB"`.
    pub disk_bytes: u64,
    /// `max_object`: larger responses pass without being stored; 1 KiB up to the value of `disk`. Default
    /// `"512 MiB"`, or `disk` if that is less.
    pub max_object_bytes: u64,
}

impl StoreSettings {
    fn new(dir: &Path) -> StoreSettings {
        StoreSettings {
            dir: dir.join(".selvedge"),
            memory_bytes: 256 << 20,
            disk_bytes: 2 << 30,
            max_object_bytes: 512 << 20,
        }
    }
}

impl Server {
    /// The settings of an empty server file in the folder `dir`: what `dev` and `load_one` start from.
    pub fn new(dir: &Path) -> Server {
        let store = StoreSettings::new(dir);
        Server {
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)],
            admin: None,
            socket: store.dir.join("admin.sock"),
            domain_suffix: "edge.localhost".to_owned(),
            distributions: Placed {
                value: dir.join("distributions"),
                at: At::default(),
            },
            edge: "edge".to_owned(),
            access_log: true,
            debug_fields: false,
            workers: None,
            max_fetches: 10_000,
            max_connections: 16_384,
            max_connections_per_address: None,
            trusted_proxies: Arc::default(),
            admin_hosts: Vec::new(),
            geo_databases: Vec::new(),
            store,
            limits: Limits::default(),
            short_circuit: ShortCircuit::default(),
        }
    }

    /// Returns how many connections one address of viewers may have.
    pub fn connections_per_address(&self) -> usize {
        let share = (self.max_connections / 4).max(MIN_CONNECTIONS_PER_ADDRESS);
        self.max_connections_per_address.unwrap_or(share)
    }
}

/// Reads the server file.
pub(super) fn read(t: &Table<'_>) -> Server {
    let default = Server::new(t.file.dir);
    let listen = t.optional("listen", placed(list(placed(text(address)))));
    let store = t.or(
        "store",
        default.store,
        table("the table `store`", read_store),
    );
    let server = Server {
        listen: listen.as_ref().map_or(default.listen, |all| {
            all.iter().map(|one| one.value).collect()
        }),
        admin: t.optional("admin", text(admin_address)),
        socket: t.or("socket", store.dir.join("admin.sock"), path),
        domain_suffix: t.or("domain_suffix", default.domain_suffix, text(domain_suffix)),
        distributions: t.or(
            "distributions",
            Placed {
                at: t.at,
                ..default.distributions
            },
            placed(path),
        ),
        edge: t.or("edge", default.edge, text(names::identifier)),
        access_log: t.or("access_log", default.access_log, boolean),
        debug_fields: t.or("debug_fields", default.debug_fields, boolean),
        workers: t.optional("workers", integer(1..=1024)),
        max_fetches: t.or("max_fetches", default.max_fetches, integer(1..=1_000_000)),
        max_connections: t.or(
            "max_connections",
            default.max_connections,
            integer(1..=1_000_000),
        ),
        max_connections_per_address: t
            .optional("max_connections_per_address", integer(1..=1_000_000)),
        trusted_proxies: t
            .or(
                "trusted_proxies",
                Vec::new(),
                bounded(MAX_TRUSTED_PROXIES, text(str::parse)),
            )
            .into(),
        admin_hosts: t.or(
            "admin_hosts",
            default.admin_hosts,
            bounded(MAX_ADMIN_HOSTS, text(names::host_name)),
        ),
        geo_databases: t.or("geo_database", default.geo_databases, geo_databases),
        limits: t.or(
            "limits",
            Limits::default(),
            table("the table `limits`", |t| Limits::default().read(t)),
        ),
        short_circuit: t.or(
            "short_circuit",
            ShortCircuit::default(),
            table("the table `short_circuit`", |t| {
                ShortCircuit::default().read(t)
            }),
        ),
        store,
    };
    if let Some(listen) = listen {
        check_listeners(t, &listen, server.admin);
    }
    server
}

fn read_store(t: &Table<'_>) -> StoreSettings {
    const DISK: std::ops::RangeInclusive<u64> = (16 << 20)..=(1 << 50);
    let default = StoreSettings::new(t.file.dir);
    let disk_bytes = t.or("disk", default.disk_bytes, size(DISK));
    StoreSettings {
        dir: t.or("path", default.dir, path),
        memory_bytes: t.or("memory", default.memory_bytes, size((1 << 20)..=(1 << 44))),
        disk_bytes,
        max_object_bytes: t.or(
            "max_object",
            default.max_object_bytes.min(disk_bytes),
            size((1 << 10)..=disk_bytes),
        ),
    }
}

/// A list of at most so many items.
fn bounded<'a, T>(
    max: usize,
    item: impl Fn(&Value<'a>) -> Option<T>,
) -> impl Fn(&Value<'a>) -> Option<Vec<T>> {
    let read = list(item);
    move |value| {
        let items = read(value)?;
        if items.len() > max {
            let problem = Problem::new(format!("`{}` has {} items", value.key, items.len()));
            return value.refuse(problem.allowed(format!("at most {max}")));
        }
        Some(items)
    }
}

/// A path, or a list of paths.
fn geo_databases(value: &Value<'_>) -> Option<Vec<Placed<PathBuf>>> {
    let Kind::List = kind(value) else {
        return Some(vec![placed(path)(value)?]);
    };
    let files = list(placed(path))(value)?;
    if files.len() > MAX_GEO_DATABASES {
        let problem = Problem::new(format!("`geo_database` has {} items", files.len()));
        return value.refuse(problem.allowed(format!("at most {MAX_GEO_DATABASES}")));
    }
    Some(files)
}

fn check_listeners(
    t: &Table<'_>,
    listen: &Placed<Vec<Placed<SocketAddr>>>,
    admin: Option<SocketAddr>,
) {
    let problems = t.file.problems;
    if listen.is_empty() {
        let problem =
            Problem::new("`listen` names no address, so no viewer could connect").at(listen.at);
        problems.add(problem.help("leave the key out for 127.0.0.1:8080, or add an address"));
    }
    let mut taken: BTreeSet<SocketAddr> = admin.into_iter().collect();
    for address in listen.iter().filter(|address| address.port() != 0) {
        if !taken.insert(address.value) {
            let whose = if Some(address.value) == admin {
                "the admin listener"
            } else {
                "`listen`"
            };
            let problem = Problem::new(format!("{address} is used twice: {whose} has it already"));
            problems.add(
                problem
                    .at(address.at)
                    .help("choose another port, or remove one of the two"),
            );
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        let problem = Problem::new(format!(
            "`{}` is not an address to listen on",
            printable(text)
        ))
        .allowed("an IP address, a colon, and a port");
        match text.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => problem.help(match host {
                "localhost" => format!("write \"127.0.0.1:{port}\""),
                "" | "*" => {
                    format!("for every interface write \"0.0.0.0:{port}\" or \"[::]:{port}\"")
                }
                _ => format!("for instance \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
            }),
            _ => problem.help("for instance \"127.0.0.1:8080\" or \"[::1]:8080\""),
        }
    })
}

fn admin_address(text: &str) -> Result<SocketAddr, Problem> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let problem = Problem::new(format!(
        "the admin listener cannot be at {address}: others could reach it"
    ));
    Err(problem
        .allowed("a loopback address")
        .help(format!("for instance \"127.0.0.1:{}\"", address.port())))
}

fn domain_suffix(text: &str) -> Result<String, Problem> {
    let bare = text.trim_start_matches('.');
    if bare != text {
        let problem =
            Problem::new("the domain suffix begins with a dot; the dot before it is added anyway");
        return Err(problem.help(format!("write \"{}\"", printable(bare))));
    }
    names::host_name(text)
}

/// The name that messages about the whole file begin with.
pub(super) const NAME: &str = "the server file";

/// Reads a whole server file.
pub(super) fn document(file: &walk::File<'_>, raw: &toml::de::DeTable<'_>) -> Server {
    walk::document(file, NAME, raw, read)
}
