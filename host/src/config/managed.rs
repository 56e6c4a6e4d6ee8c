//! Managed policies: ready-made cache and origin request policies under the names that CloudFront gives them.

use http::HeaderName;
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, REFERER,
    USER_AGENT,
};
use selvedge_caching::Policy;

use super::policy::{CachePolicy, Coding, ForwardPolicy, KeyPolicy};
use super::printable::printable;
use super::report::Problem;
use super::sets::{FieldSet, NamePattern, NameSet};
use super::suggest::closest;

/// The managed cache policies that this version has.
pub(super) const CACHE: [&str; 6] = [
    "CachingOptimized",
    "CachingOptimizedForUncompressedObjects",
    "CachingDisabled",
    "UseOriginCacheControlHeaders",
    "UseOriginCacheControlHeaders-QueryStrings",
    "Elemental-MediaPackage",
];

/// The managed origin request policies that this version has.
pub(super) const FORWARD: [&str; 7] = [
    "AllViewer",
    "AllViewerExceptHostHeader",
    "CORS-CustomOrigin",
    "CORS-S3Origin",
    "Elemental-MediaTailor-PersonalizedManifests",
    "HostHeaderOnly",
    "UserAgentRefererHeaders",
];

/// Managed policies of CloudFront that need its CloudFront-* request fields, which this version does not
/// make.
const NEED_CLOUDFRONT_FIELDS: [&str; 2] = ["Amplify", "AllViewerAndCloudFrontHeaders-2022-06"];

/// The cache policy of that name.
pub(super) fn cache(name: &str) -> Result<CachePolicy, Problem> {
    let both = vec![Coding::Brotli, Coding::Gzip];
    let by_origin = |query| {
        let mut fields = vec![HOST, ORIGIN];
        fields.extend(
            [
                "x-http-method",
                "x-http-method-override",
                "x-method-override",
            ]
            .map(HeaderName::from_static),
        );
        KeyPolicy {
            query,
            fields,
            cookies: NameSet::All,
            accept_encoding: both.clone(),
            ..KeyPolicy::default()
        }
    };
    let media = || KeyPolicy {
        query: NameSet::Only(names(&["aws.manifestfilter", "start", "end", "m"])),
        fields: vec![ORIGIN],
        accept_encoding: vec![Coding::Gzip],
        ..KeyPolicy::default()
    };
    let (lifetimes, key) = match name {
        "CachingOptimized" => (
            [1, 86_400, 31_536_000],
            KeyPolicy {
                accept_encoding: both,
                ..KeyPolicy::default()
            },
        ),
        "CachingOptimizedForUncompressedObjects" => ([1, 86_400, 31_536_000], KeyPolicy::default()),
        "CachingDisabled" => ([0, 0, 0], KeyPolicy::default()),
        "UseOriginCacheControlHeaders" => ([0, 0, 31_536_000], by_origin(NameSet::None)),
        "UseOriginCacheControlHeaders-QueryStrings" => {
            ([0, 0, 31_536_000], by_origin(NameSet::All))
        }
        "Elemental-MediaPackage" => ([0, 86_400, 31_536_000], media()),
        _ => return Err(unknown(name, "cache policy", &CACHE)),
    };
    let [min_ttl, default_ttl, max_ttl] = lifetimes;
    Ok(CachePolicy {
        policy: Policy {
            min_ttl,
            default_ttl,
            max_ttl,
            ..Policy::default()
        },
        key,
    })
}

/// The origin request policy of that name.
pub(super) fn forward(name: &str) -> Result<ForwardPolicy, Problem> {
    use NameSet::{All, None as NoName};
    let acr = [
        ORIGIN,
        ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD,
    ];
    let only = |names: &[HeaderName]| FieldSet::Only(names.to_vec());
    let (query, fields, cookies) = match name {
        "AllViewer" => (All, FieldSet::All, All),
        "AllViewerExceptHostHeader" => (All, FieldSet::Except(vec![HOST]), All),
        "CORS-CustomOrigin" => (NoName, only(&[ORIGIN]), NoName),
        "CORS-S3Origin" => (NoName, only(&acr), NoName),
        "Elemental-MediaTailor-PersonalizedManifests" => {
            let [origin, headers, method] = acr;
            let forwarded_for = HeaderName::from_static("x-forwarded-for");
            (
                All,
                only(&[origin, headers, method, USER_AGENT, forwarded_for]),
                NoName,
            )
        }
        "HostHeaderOnly" => (NoName, only(&[HOST]), NoName),
        "UserAgentRefererHeaders" => (NoName, only(&[USER_AGENT, REFERER]), NoName),
        _ => return Err(unknown(name, "origin request policy", &FORWARD)),
    };
    Ok(ForwardPolicy {
        query: Some(query),
        fields: Some(fields),
        cookies: Some(cookies),
    })
}

fn names(names: &[&str]) -> Vec<NamePattern> {
    names
        .iter()
        .filter_map(|name| NamePattern::new(name).ok())
        .collect()
}

fn unknown(name: &str, what: &str, known: &[&'static str]) -> Problem {
    if NEED_CLOUDFRONT_FIELDS.contains(&name) {
        return Problem::new(format!("the managed {what} `{name}` is not available"))
            .note("it uses the CloudFront-* request fields, which this version does not make")
            .exists(known);
    }
    let problem =
        Problem::new(format!("there is no managed {what} `{}`", printable(name))).exists(known);
    let bare = name.strip_prefix("Managed-").unwrap_or(name);
    match closest(bare, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_policy_exists_under_its_name() {
        assert!(CACHE.iter().all(|name| cache(name).is_ok()));
        assert!(FORWARD.iter().all(|name| forward(name).is_ok()));
    }

    #[test]
    fn the_lifetimes_are_cloudfronts() {
        let ttls = |name| {
            cache(name)
                .map(|c| [c.policy.min_ttl, c.policy.default_ttl, c.policy.max_ttl])
                .unwrap()
        };
        assert_eq!(ttls("CachingOptimized"), [1, 86_400, 31_536_000]);
        assert_eq!(ttls("CachingDisabled"), [0, 0, 0]);
        assert_eq!(ttls("UseOriginCacheControlHeaders"), [0, 0, 31_536_000]);
    }

    #[test]
    fn names_are_compared_as_cloudfront_writes_them() {
        assert!(cache("cachingoptimized").is_err());
        assert!(cache("Amplify").is_err());
        let media = cache("Elemental-MediaPackage").unwrap();
        assert!(media.key.query.contains("aws.manifestfilter"));
        assert!(!media.key.query.contains("M"));
    }
}
