//! Geographic facts of viewers' addresses, from databases in MaxMind's format (`geo_database` of the server file).
//!
//! A database is read into memory when a configuration is taken, whole or not at all: everything in it that hooks could read
//! is read once, so that a damaged file is an error then and not silence later. One that has not changed is not read again.
//! Facts are looked up when a hook asks for them, and never otherwise.

use crate::config::{Placed, Problem, Server};
use crate::files::{Digest, Ledger, ReadError};
use PathElement::{IndexFromEnd, Key};
use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};
use selvedge_runtime::capabilities;
use serde::de::{Deserialize, Deserializer, Visitor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The largest database in bytes. The largest that are sold have a third of it.
const MAX_BYTES: u64 = 1 << 30;

/// A tree with more networks than this for each of its nodes is none.
const MAX_NETWORKS: u64 = 3;

/// A fact: its name in the contract, and where GeoIP2's layout has it.
type Fact = (&'static str, &'static [PathElement<'static>]);

/// Facts of CloudFront's viewer fields, under their names, and the continent. Of several subdivisions the smallest counts.
const FACTS: [Fact; 13] = [
    ("continent", &[Key("continent"), Key("code")]),
    ("country", &[Key("country"), Key("iso_code")]),
    ("country-name", &[Key("country"), Key("names"), Key("en")]),
    (
        "region",
        &[Key("subdivisions"), IndexFromEnd(0), Key("iso_code")],
    ),
    (
        "region-name",
        &[
            Key("subdivisions"),
            IndexFromEnd(0),
            Key("names"),
            Key("en"),
        ],
    ),
    ("city", &[Key("city"), Key("names"), Key("en")]),
    ("postal-code", &[Key("postal"), Key("code")]),
    ("metro-code", &[Key("location"), Key("metro_code")]),
    ("latitude", &[Key("location"), Key("latitude")]),
    ("longitude", &[Key("location"), Key("longitude")]),
    ("time-zone", &[Key("location"), Key("time_zone")]),
    ("asn", &[Key("autonomous_system_number")]),
    ("as-organization", &[Key("autonomous_system_organization")]),
];

/// One database.
struct Database {
    /// The digest of its file.
    digest: Digest,
    reader: Reader<Vec<u8>>,
}

/// The databases of a configuration, in their order: the first one that knows a fact says it.
pub(super) struct Geo(Vec<Arc<Database>>);

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it can't be read: {0}")]
    Unreadable(#[from] ReadError),
    #[error("{0}")]
    Damaged(#[from] MaxMindDbError),
    #[error("its tree of networks has no end")]
    Endless,
}

impl Geo {
    /// Reads the databases that a server file names; `None` if it names none. What `before` has of them is not read
    /// again. What is wrong with one becomes a problem at the position that names it.
    pub(super) fn read(
        server: &Server,
        before: Option<&Arc<Geo>>,
        ledger: &mut Ledger,
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<Geo>> {
        let mut databases = Vec::new();
        for file in &server.geo_databases {
            match Database::read(file, before.map(Arc::as_ref), ledger) {
                Ok(database) => databases.push(database),
                Err(why) => problems.push(problem(file, &why)),
            }
        }
        match before {
            // The same databases are the same value.
            Some(before) if before.is(&databases) => Some(before.clone()),
            _ => (!databases.is_empty()).then(|| Arc::new(Geo(databases))),
        }
    }
}

impl Geo {
    fn is(&self, databases: &[Arc<Database>]) -> bool {
        let mut pairs = self.0.iter().zip(databases);
        self.0.len() == databases.len() && pairs.all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

fn problem(file: &Placed<PathBuf>, why: &Unusable) -> Problem {
    let message = format!("the geo database {} can't be used: {why}", file.display());
    Problem::new(message).at(file.at).help(
        "`geo_database` names a file in MaxMind's DB format in the layout of GeoIP2 and GeoLite2 (.mmdb); a new copy may be whole",
    )
}

impl capabilities::Geo for Geo {
    fn fact(&self, address: IpAddr, name: &str) -> Option<Cow<'_, str>> {
        let (_, path) = FACTS.iter().find(|(known, _)| *known == name)?;
        self.0.iter().find_map(|database| {
            // Everything was read once without an error. What is left is an IPv6 address in a database of IPv4.
            let record = database.reader.lookup(address).ok()?;
            Some(record.decode_path::<Scalar<'_>>(path).ok()??.0)
        })
    }
}

/// A text or a number, as text: databases differ in how wide their numbers are.
struct Scalar<'r>(Cow<'r, str>);

impl<'r> Deserialize<'r> for Scalar<'r> {
    fn deserialize<D: Deserializer<'r>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'r> Visitor<'r> for ScalarVisitor {
    type Value = Scalar<'r>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_borrowed_str<E>(self, text: &'r str) -> Result<Scalar<'r>, E> {
        Ok(Scalar(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'r>, E> {
        Ok(Scalar(text.to_owned().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar<'r>, E> {
        Ok(Scalar(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar<'r>, E> {
        Ok(Scalar(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar<'r>, E> {
        Ok(Scalar(number.to_string().into()))
    }
}

impl Database {
    fn read(
        file: &Placed<PathBuf>,
        before: Option<&Geo>,
        ledger: &mut Ledger,
    ) -> Result<Arc<Database>, Unusable> {
        if let Some(before) = before
            && let Some(digest) = ledger.digest(file, MAX_BYTES)
            && let Some(known) = before.0.iter().find(|known| known.digest == digest)
        {
            return Ok(known.clone());
        }
        let (content, digest) = ledger.read(file, MAX_BYTES)?;
        let reader = Reader::from_source(content)?;
        try_all(&reader)?;
        Ok(Arc::new(Database { digest, reader }))
    }
}

/// Reads every fact of every record once.
fn try_all(reader: &Reader<Vec<u8>>) -> Result<(), Unusable> {
    let limit = u64::from(reader.metadata().node_count) * MAX_NETWORKS;
    let mut seen = HashSet::new();
    let networks = reader.networks(WithinOptions::default().include_networks_without_data())?;
    for (count, network) in (0..).zip(networks) {
        if count > limit {
            return Err(Unusable::Endless);
        }
        let record = network?;
        if let Some(offset) = record.offset()
            && seen.insert(offset)
        {
            for (_, path) in &FACTS {
                record.decode_path::<Scalar<'_>>(path)?;
            }
        }
    }
    Ok(())
}
