//! Geo databases in MaxMind's DB format, made by a test: some IPv4 addresses, each with its record.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

/// Bytes between the tree of networks and the records.
const SEPARATOR: usize = 16;

/// The marker before the description of the file.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A database in the making.
#[derive(Clone, Debug, Default)]
pub struct GeoDatabase {
    records: BTreeMap<Ipv4Addr, Value>,
}

impl GeoDatabase {
    /// One that knows nothing.
    pub fn new() -> GeoDatabase {
        GeoDatabase::default()
    }

    /// One more address and its record, for instance `{"country": {"iso_code": "CH"}}`.
    pub fn with(mut self, address: [u8; 4], record: Value) -> GeoDatabase {
        self.records.insert(address.into(), record);
        self
    }

    /// One more address in this country.
    pub fn country(self, address: [u8; 4], code: &str) -> GeoDatabase {
        self.with(address, json!({ "country": { "iso_code": code } }))
    }

    /// Writes the file, in one step as updaters do.
    pub fn write(&self, file: &Path) {
        let new = file.with_extension("new");
        std::fs::write(&new, self.bytes()).expect("the folder is ours");
        std::fs::rename(&new, file).expect("the folder is ours");
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut tree = Tree(vec![[Side::Nothing; 2]]);
        for (address, record) in &self.records {
            tree.insert(*address, data.len());
            put(&mut data, record);
        }
        let mut file = tree.bytes();
        file.extend([0; SEPARATOR]);
        file.extend(data);
        file.extend(MARKER);
        let nodes = u32::try_from(tree.0.len()).expect("a small tree");
        begin(&mut file, MAP, 9);
        entry(&mut file, "binary_format_major_version", SHORT, &[0, 2]);
        entry(&mut file, "binary_format_minor_version", SHORT, &[0, 0]);
        entry(&mut file, "build_epoch", LONG, &1_u64.to_be_bytes());
        entry(&mut file, "ip_version", SHORT, &[0, 4]);
        entry(&mut file, "node_count", WHOLE, &nodes.to_be_bytes());
        entry(&mut file, "record_size", SHORT, &[0, 32]);
        put(&mut file, &json!("database_type"));
        put(&mut file, &json!("Test"));
        put(&mut file, &json!("description"));
        put(&mut file, &json!({ "en": "made by a test" }));
        put(&mut file, &json!("languages"));
        put(&mut file, &json!(["en"]));
        file
    }
}

/// One side of a node.
#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(usize),
    /// Where its record begins.
    Record(usize),
}

/// The nodes, one for each bit of an address.
struct Tree(Vec<[Side; 2]>);

impl Tree {
    fn insert(&mut self, address: Ipv4Addr, record: usize) {
        let bits = u32::from(address);
        let mut node = 0;
        for place in (0..u32::BITS).rev() {
            let side = usize::from(bits >> place & 1 == 1);
            if place == 0 {
                self.0[node][side] = Side::Record(record);
                return;
            }
            node = match self.0[node][side] {
                Side::Node(next) => next,
                _ => {
                    self.0.push([Side::Nothing; 2]);
                    let next = self.0.len() - 1;
                    self.0[node][side] = Side::Node(next);
                    next
                }
            };
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let nodes = self.0.len();
        let number = |side: &Side| match side {
            Side::Nothing => nodes,
            Side::Node(node) => *node,
            Side::Record(place) => nodes + SEPARATOR + place,
        };
        let sides = self.0.iter().flatten();
        sides
            .flat_map(|side| (number(side) as u32).to_be_bytes())
            .collect()
    }
}

/// Types of the format.
const TEXT: u8 = 2;
const DOUBLE: u8 = 3;
const SHORT: u8 = 5;
const WHOLE: u8 = 6;
const MAP: u8 = 7;
const LONG: u8 = 9;
const ARRAY: u8 = 11;

/// A name with a number as bytes.
fn entry(out: &mut Vec<u8>, name: &str, kind: u8, number: &[u8]) {
    put(out, &json!(name));
    begin(out, kind, number.len());
    out.extend(number);
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => {
            begin(out, TEXT, text.len());
            out.extend(text.as_bytes());
        }
        Value::Number(number) => match number.as_u64() {
            Some(short) if short <= u64::from(u16::MAX) => {
                begin(out, SHORT, 2);
                out.extend((short as u16).to_be_bytes());
            }
            Some(whole) => {
                begin(out, WHOLE, 4);
                out.extend((whole as u32).to_be_bytes());
            }
            None => {
                begin(out, DOUBLE, 8);
                out.extend(number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::Array(items) => {
            begin(out, ARRAY, items.len());
            items.iter().for_each(|item| put(out, item));
        }
        Value::Object(entries) => {
            begin(out, MAP, entries.len());
            for (name, value) in entries {
                put(out, &Value::String(name.clone()));
                put(out, value);
            }
        }
        other => panic!("no record has {other}"),
    }
}

/// Type and size, as far as tests need them.
fn begin(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, more) = match size {
        0..29 => (size as u8, None),
        29..=284 => (29, Some((size - 29) as u8)),
        _ => panic!("a test has no value of {size}"),
    };
    match kind {
        0..=7 => out.push(kind << 5 | short),
        _ => out.extend([short, kind - 7]),
    }
    out.extend(more);
}
