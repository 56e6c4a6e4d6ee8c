//! `selvedge invalidate`: checks what is asked for, and does it or says what it would hit.

use super::{Invalidate, Invalidated, Listing, Refused, distribution_named, list};
use crate::pipeline::Edge;
use crate::pipeline::invalidations::{Matcher, Standing, Wanted};
use std::sync::Arc;

/// One command has so many paths and tags at most, as with CloudFront.
const MAX_AT_ONCE: usize = 3000;

/// Invalidates, or says what would be concerned. In force for every request that comes after it has returned, and after a
/// restart too.
///
/// # Errors
/// The question is wrong, or the durable state failed.
pub async fn invalidate(edge: &Arc<Edge>, asked: &Invalidate) -> Result<Invalidated, Refused> {
    let wanted = wanted(asked)?;
    let distribution = &distribution_named(edge, &asked.distribution)?;
    let invalidations = edge.invalidations();
    let mut would_hit = None;
    if asked.dry_run {
        let matcher = Matcher::new(&wanted);
        let hits = list::look_through(
            edge,
            distribution,
            Listing::default(),
            |_, notes, variant| {
                let (names, tags) = (notes.names(), &variant.head.tags);
                let standing =
                    invalidations.standing(notes.distribution, notes.began, tags, [names]);
                standing != Standing::Gone && matcher.concerns(names, tags)
            },
        );
        would_hit = Some(hits.await?);
    } else {
        let now = edge.clock().now();
        let done = invalidations
            .invalidate(distribution.id(), &wanted, asked.soft, now)
            .await;
        done.map_err(|error| {
            Refused::Failed(format!(
                "it is invalidated now, but a restart may forget that: the durable state can't be written: {error}. See that the store's disk works, and do it again"
            ))
        })?;
        tracing::info!(
            target: "cache",
            distribution = &**distribution.id(),
            soft = asked.soft,
            asked = wanted.len(),
            first = asked.paths.first().or(asked.tags.first()).map(String::as_str),
            "invalidated"
        );
    }
    Ok(Invalidated {
        distribution: asked.distribution.clone(),
        asked: wanted.len(),
        soft: asked.soft,
        would_hit,
        kept: invalidations.kept(distribution.id()),
    })
}

fn wanted(asked: &Invalidate) -> Result<Vec<Wanted>, Refused> {
    let count = asked.paths.len() + asked.tags.len();
    if count == 0 {
        let help = "name paths, for instance '/images/*', or tags; '/*' is everything";
        return Err(Refused::Wrong(format!("nothing to invalidate: {help}")));
    }
    if count > MAX_AT_ONCE {
        return Err(Refused::Wrong(format!(
            "{count} paths and tags are too many at once: at most {MAX_AT_ONCE}. Use paths that end in *, tags, or several commands"
        )));
    }
    let paths = asked.paths.iter().map(|path| Wanted::path(path));
    let tags = asked.tags.iter().map(|tag| Wanted::tag(tag));
    let (good, bad): (Vec<_>, Vec<_>) = paths.chain(tags).partition(Result::is_ok);
    if !bad.is_empty() {
        let words: Vec<String> = bad
            .into_iter()
            .filter_map(Result::err)
            .map(|error| error.to_string())
            .collect();
        return Err(Refused::Wrong(words.join("\n")));
    }
    let mut wanted: Vec<Wanted> = good.into_iter().flatten().collect();
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}
