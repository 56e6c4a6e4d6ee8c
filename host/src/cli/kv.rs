//! `selvedge kv`: the key-value data of a distribution, which its plugins read.

use super::ask::{Host, ask};
use super::cache::encoded;
use super::kv_file;
use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::pipeline::insight::{KvChanges, KvFound, KvListing, KvTotal, KvValue};
use clap::{Args, Subcommand};
use http::Method;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_long_help = AFTER)]
pub(super) struct Arguments {
    /// The distribution's id
    distribution: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the value of a key as it is
    Get {
        /// The key
        key: String,
        #[command(flatten)]
        host: Host,
    },
    /// Set a key
    Set {
        /// The key, up to 512 bytes
        key: String,
        /// Its value as text
        #[arg(required_unless_present = "file")]
        value: Option<String>,
        /// Take the value from this file as it is, up to 1 MiB; `-` for standard input
        #[arg(long, value_name = "FILE", conflicts_with = "value")]
        file: Option<PathBuf>,
        #[command(flatten)]
        host: Host,
    },
    /// Remove keys; those that are not there are no error
    Delete {
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
        #[command(flatten)]
        host: Host,
    },
    /// List keys with the sizes of their values
    List {
        /// Only those that begin with this
        #[arg(default_value = "")]
        prefix: String,
        #[command(flatten)]
        host: Host,
    },
    /// Set all keys of a file, all of them or none
    Load {
        /// A JSON object (.json) or a TOML file (.toml): each key with its value. What is no string becomes its text, tables
        /// and lists become JSON, and `null` in JSON removes a key
        file: PathBuf,
        /// Remove every other key
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        host: Host,
    },
}

const AFTER: &str = "\
Plugins of the distribution read it by `kv::get(\"key\")`. A change is durable, and seen by every call from then on, when the
command returns.

Examples:
  selvedge kv shop set /old /new                 one key
  selvedge kv shop set logo --file logo.svg      a value from a file
  selvedge kv shop load redirects.toml           many keys at once
  selvedge kv shop load all.json --replace       these keys, and no others
  selvedge kv shop list /products/               the keys that begin so";

/// Carries the command out.
pub(super) fn kv(arguments: Arguments) -> u8 {
    let distribution = arguments.distribution;
    let done = match arguments.command {
        Command::Get { key, host } => get(&host, &distribution, &key),
        Command::Set {
            key,
            value,
            file,
            host,
        } => value_of(value, file.as_deref()).and_then(|value| {
            let changes = [(key, Some(KvValue::of(&value)))].into();
            change(&host, &distribution, changes, false)
        }),
        Command::Delete { keys, host } => {
            let changes = keys.into_iter().map(|key| (key, None)).collect();
            change(&host, &distribution, changes, false)
        }
        Command::List { prefix, host } => list(&host, &distribution, &prefix),
        Command::Load {
            file,
            replace,
            host,
        } => match kv_file::read(&file) {
            Ok(changes) => change(&host, &distribution, changes, replace),
            Err(why) => {
                complain(why);
                Err(WRONG)
            }
        },
    };
    done.err().unwrap_or(0)
}

fn path(distribution: &str) -> String {
    format!("/v1/kv/{}", encoded(distribution))
}

fn get(host: &Host, distribution: &str, key: &str) -> Result<(), u8> {
    let path = format!("{}?key={}", path(distribution), encoded(key));
    let found: KvFound = ask(host, Method::GET, &path, None::<&()>)?;
    let value = found.value.bytes().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&value);
    let _ = out.flush();
    Ok(())
}

/// The value that is set: from the command line, a file, or standard input.
fn value_of(value: Option<String>, file: Option<&Path>) -> Result<Vec<u8>, u8> {
    let Some(file) = file else {
        return Ok(value.unwrap_or_default().into_bytes());
    };
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|content| bytes = content)
    };
    read.map_err(|error| {
        complain(format_args!("{} can't be read: {error}", file.display()));
        FAILED
    })?;
    Ok(bytes)
}

fn change(
    host: &Host,
    distribution: &str,
    changes: std::collections::BTreeMap<String, Option<KvValue>>,
    replace: bool,
) -> Result<(), u8> {
    let count = changes.len();
    let question = KvChanges { changes, replace };
    let total: KvTotal = ask(host, Method::POST, &path(distribution), Some(&question))?;
    let what = match count {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    };
    say(format_args!(
        "changed {what} of {distribution}; {}",
        in_all(total)
    ));
    Ok(())
}

fn list(host: &Host, distribution: &str, prefix: &str) -> Result<(), u8> {
    let first = format!("{}?prefix={}", path(distribution), encoded(prefix));
    let mut page: KvListing = ask(host, Method::GET, &first, None::<&()>)?;
    loop {
        for (key, bytes) in &page.keys {
            // Keys may hold anything, a line end too.
            say(format_args!("{}  {bytes} bytes", key.escape_debug()));
        }
        let Some((last, _)) = page.keys.last().filter(|_| page.more) else {
            break;
        };
        let next = format!("{first}&after={}", encoded(last));
        page = ask(host, Method::GET, &next, None::<&()>)?;
    }
    say(format_args!("{distribution} has {}", in_all(page.total)));
    Ok(())
}

fn in_all(total: KvTotal) -> String {
    let KvTotal { keys, bytes, limit } = total;
    let keys = match keys {
        1 => "1 key".to_owned(),
        keys => format!("{keys} keys"),
    };
    format!("{keys}, {bytes} of {limit} bytes")
}
