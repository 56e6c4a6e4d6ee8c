//! `selvedge invalidate`: what is stored is not used any more, from the moment the command returns.

use super::ask::{Host, ask};
use super::cache;
use super::output::say;
use crate::pipeline::insight::{Invalidate, Invalidated};
use clap::Args;
use http::Method;

#[derive(Args)]
#[command(after_long_help = AFTER)]
pub(super) struct Arguments {
    /// The distribution's id
    distribution: String,
    /// Paths as viewers ask for them (or as they are after rewriting), with or without a query; `*` at the end stands for
    /// anything. Quote them, or the shell replaces the `*`
    #[arg(value_name = "PATH", required_unless_present = "tag")]
    paths: Vec<String>,
    /// Invalidate what carries this tag; may be repeated
    #[arg(long, value_name = "NAME")]
    tag: Vec<String>,
    /// Make it stale instead: it may still be used while it is fetched anew or while the origin fails, as its
    /// stale-while-revalidate and stale-if-error say, and it may be validated
    #[arg(long)]
    soft: bool,
    /// Only list what would be hit
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    host: Host,
}

const AFTER: &str = "\
Examples:
  selvedge invalidate shop /index.html           this path, in all variants
  selvedge invalidate shop '/search?q=shoes'     this path with this query, where the query is in the cache key
  selvedge invalidate shop '/images/*' /logo     everything under /images/, and one path
  selvedge invalidate shop '/*'                  everything
  selvedge invalidate shop --tag product-17      every response with this tag (see `tag_header`)";

pub(super) fn invalidate(arguments: Arguments) -> u8 {
    let question = Invalidate {
        distribution: arguments.distribution,
        paths: arguments.paths,
        tags: arguments.tag,
        soft: arguments.soft,
        dry_run: arguments.dry_run,
    };
    let done: Invalidated = match ask(
        &arguments.host,
        Method::POST,
        "/v1/invalidations",
        Some(&question),
    ) {
        Ok(done) => done,
        Err(code) => return code,
    };
    match &done.would_hit {
        Some(listing) => {
            for object in &listing.stored {
                say(cache::line(object));
            }
            say(cache::count(listing, "would be hit"));
        }
        None => {
            let what = if done.soft {
                "made stale"
            } else {
                "invalidated"
            };
            let asked = match done.asked {
                1 => "1 path or tag".to_owned(),
                asked => format!("{asked} paths and tags"),
            };
            say(format_args!("{what} {asked} of {}", done.distribution));
        }
    }
    0
}
