//! Compares the result of a step with what the file expects. Each difference is a problem at the place of the expectation.

use super::world::Came;
use crate::config::scenario::{AtOrigin, Cached, Expect, FieldLines, Step};
use crate::config::{Placed, Problem};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use selvedge_caching::cache_status::{CacheStatus, Fwd};

/// Longer texts are cut in messages.
const SHOWN: usize = 300;

/// All that is not as expected.
pub(super) fn check(step: &Step, came: &Came) -> Vec<Problem> {
    let expect = &step.expect;
    let mut found = Vec::new();
    response(step, came, &mut found);
    cache(expect, came, &mut found);
    origin(expect, came, &mut found);
    plugin(step, came, &mut found);
    found
}

fn response(step: &Step, came: &Came, found: &mut Vec<Problem>) {
    let (expect, got) = (&step.expect, &came.got);
    if let Some(status) = &expect.status {
        let came = got.status.as_u16();
        if status.value != came {
            found.push(differs("status", status, &came.to_string()));
        }
    }
    fields("the response", &expect.fields, &got.fields, found);
    absent("the response", &expect.no_fields, &got.fields, found);
    let body = String::from_utf8_lossy(&got.body);
    if let Some(expected) = expect
        .body
        .as_ref()
        .filter(|body| body.as_bytes() != &*got.body)
    {
        found.push(problem(expected, "the body is another one").note(said(&body)));
    }
    for part in expect
        .body_has
        .iter()
        .filter(|part| !body.contains(&***part))
    {
        found.push(problem(part, "the body lacks this").note(said(&body)));
    }
    for part in expect
        .body_lacks
        .iter()
        .filter(|part| body.contains(&***part))
    {
        found.push(problem(part, "the body has this").note(said(&body)));
    }
    // A plugin that fails while it makes a body breaks it off.
    if got.is_broken && expect.plugin_error.is_none() {
        found.push(Problem::new("the body broke off before its end").at(step.at));
    }
}

fn cache(expect: &Expect, came: &Came, found: &mut Vec<Problem>) {
    let status = came.cache();
    let shown = status.map(CacheStatus::parameters);
    let shown = shown
        .as_deref()
        .unwrap_or("nothing: the cache was not asked");
    if let Some(cached) = &expect.cache
        && !did(cached.value, status)
    {
        let problem = problem(cached, "the cache did something else");
        found.push(problem.note(format!("Cache-Status has {shown}")));
    }
    if let Some(ttl) = &expect.ttl {
        let left = status.and_then(|status| status.ttl);
        if left != i64::try_from(ttl.value).ok() {
            let came = match left {
                Some(left) => format!("{left} s"),
                None => format!("none; Cache-Status has {shown}"),
            };
            found.push(problem(ttl, format!("the freshness left is {came}")));
        }
    }
    let key = status.and_then(|status| status.key.as_deref());
    for part in &expect.key {
        match key {
            Some(key) if key.contains(&**part) => {}
            Some(key) => {
                found.push(problem(part, "the cache key lacks this").note(format!("it is {key}")));
            }
            None => found.push(problem(
                part,
                "there is no cache key: the request passed the cache, or was answered before it",
            )),
        }
    }
}

fn did(expected: Cached, status: Option<&CacheStatus>) -> bool {
    let Some(status) = status else {
        return expected == Cached::None;
    };
    let is_stale = status.ttl.is_some_and(|ttl| ttl < 0);
    match expected {
        Cached::Hit => status.hit && !is_stale,
        Cached::Stale => (status.hit && is_stale) || status.fwd == Some(Fwd::Stale),
        Cached::Miss => matches!(
            status.fwd,
            Some(Fwd::UriMiss | Fwd::VaryMiss | Fwd::Partial | Fwd::Request)
        ),
        Cached::Pass => matches!(status.fwd, Some(Fwd::Bypass | Fwd::Method)),
        Cached::None => !status.hit && status.fwd.is_none(),
        Cached::Forwarded(word) => status.fwd.is_some_and(|fwd| fwd.as_str() == word),
    }
}

fn origin(expect: &Expect, came: &Came, found: &mut Vec<Problem>) {
    let asked = came.origins();
    if let Some(origin) = &expect.origin {
        let expected: Vec<&str> = origin
            .iter()
            .map(|name| name.value.as_str())
            .filter(|name| *name != "none")
            .collect();
        if expected != asked {
            let came = match asked.as_slice() {
                [] => "no origin was asked".to_owned(),
                asked => format!("asked was: {}", asked.join(", then ")),
            };
            found.push(problem(origin, came));
        }
    }
    let Some(at_origin) = &expect.at_origin else {
        return;
    };
    match came.requests.last() {
        Some(seen) => request(at_origin, &seen.request, found),
        None => found.push(problem(at_origin, "no origin was asked")),
    }
}

fn request(expect: &AtOrigin, came: &Request<bytes::Bytes>, found: &mut Vec<Problem>) {
    if let Some(method) = expect
        .method
        .as_ref()
        .filter(|m| m.value != came.method().as_str())
    {
        found.push(differs(
            "method at the origin",
            method,
            came.method().as_str(),
        ));
    }
    let uri = came.uri();
    if let Some(path) = &expect.path {
        let came = match path.contains('?') {
            true => uri.path_and_query().map_or("/", |target| target.as_str()),
            false => uri.path(),
        };
        if path.value != came {
            found.push(differs("path at the origin", path, came));
        }
    }
    let query = uri.query().unwrap_or_default();
    if let Some(expected) = expect
        .query
        .as_ref()
        .filter(|expected| expected.value != query)
    {
        found.push(differs("query at the origin", expected, query));
    }
    fields(
        "the request at the origin",
        &expect.fields,
        came.headers(),
        found,
    );
    absent(
        "the request at the origin",
        &expect.no_fields,
        came.headers(),
        found,
    );
    if let Some(expected) = expect
        .body
        .as_ref()
        .filter(|body| body.as_bytes() != &**came.body())
    {
        let body = String::from_utf8_lossy(came.body());
        found.push(problem(expected, "the body at the origin is another one").note(said(&body)));
    }
}

/// One value may be spread over lines; several have to be these lines.
fn fields(whose: &str, expected: &[FieldLines], came: &HeaderMap, found: &mut Vec<Problem>) {
    for line in expected {
        let values: Vec<&HeaderValue> = came.get_all(&line.name).iter().collect();
        let joined = || {
            values
                .iter()
                .map(|v| v.as_bytes())
                .collect::<Vec<_>>()
                .join(&b", "[..])
        };
        let same = match line.values.as_slice() {
            [one] => !values.is_empty() && one.as_bytes() == joined(),
            several => several.iter().eq(values.iter().copied()),
        };
        if same {
            continue;
        }
        let name = &line.name;
        let message = match values.as_slice() {
            [] => format!("{whose} lacks the field {name}"),
            _ => format!("{whose} has another value of {name}"),
        };
        let mut problem = Problem::new(message).at(line.at);
        for value in &values {
            problem = problem.note(said(&String::from_utf8_lossy(value.as_bytes())));
        }
        found.push(problem);
    }
}

fn absent(
    whose: &str,
    expected: &[Placed<HeaderName>],
    came: &HeaderMap,
    found: &mut Vec<Problem>,
) {
    for name in expected {
        if let Some(value) = came.get(&name.value) {
            let message = format!("{whose} has the field {name}");
            let value = String::from_utf8_lossy(value.as_bytes());
            found.push(problem(name, message).note(said(&value)));
        }
    }
}

fn plugin(step: &Step, came: &Came, found: &mut Vec<Problem>) {
    let expect = &step.expect;
    for part in &expect.log {
        let mut lines = came.log.iter().filter(|line| line.is_of_plugin);
        if !lines.any(|line| line.text.contains(&**part)) {
            found.push(problem(part, "no line that the plugin logged has this"));
        }
    }
    let failures = failures(came);
    match &expect.plugin_error {
        Some(word) if failures.iter().any(|(failed, _)| failed == &word.value) => {}
        Some(word) => {
            let came = match failures.as_slice() {
                [] => "no call of the plugin failed".to_owned(),
                failures => format!("the plugin failed otherwise: {}", listed(failures)),
            };
            found.push(problem(word, came));
        }
        None if expect
            .status
            .as_ref()
            .is_some_and(|status| status.value >= 500) => {}
        None if failures.is_empty() => {}
        None => found.push(
            Problem::new(format!("the plugin failed: {}", listed(&failures)))
                .at(step.at)
                .help(match failures.first() {
                    Some((word, _)) => {
                        format!("where that is meant: expect plugin_error = \"{word}\"")
                    }
                    None => String::new(),
                }),
        ),
    }
}

/// The failed calls of this step: their words, and what was said of them.
fn failures(came: &Came) -> Vec<(String, String)> {
    let logged = came.log.iter().filter(|line| line.is_of_plugin);
    let logged = logged.filter_map(|line| Some((line.failure.clone()?, line.text.clone())));
    // That a plugin is not called any more is logged only once.
    let hooks = came.recorded.iter().flat_map(|recorded| &recorded.hooks);
    let refused = hooks.filter_map(|call| {
        let why = call.outcome.as_ref().err()?;
        let word = "short-circuited";
        why.starts_with(word)
            .then(|| (word.to_owned(), why.clone()))
    });
    logged.chain(refused).collect()
}

fn listed(failures: &[(String, String)]) -> String {
    let each = failures
        .iter()
        .map(|(word, why)| format!("{word}: {}", cut(why)));
    each.collect::<Vec<_>>().join("; ")
}

fn problem<T>(at: &Placed<T>, message: impl Into<String>) -> Problem {
    Problem::new(message).at(at.at)
}

fn differs<T: std::fmt::Display>(what: &str, expected: &Placed<T>, came: &str) -> Problem {
    problem(
        expected,
        format!("the {what} is `{}`, not `{expected}`", cut(came)),
    )
}

fn said(text: &str) -> String {
    match text {
        "" => "it is empty".to_owned(),
        text => format!("it is {:?}", cut(text)),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
