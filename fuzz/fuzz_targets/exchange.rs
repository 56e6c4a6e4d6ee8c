//! A response on its way through all caching rules: Cache-Control, CDN-Cache-Control, Expires, Age, Vary, entity tags.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_caching::{
    Compatibility, ErrorMinimum, Freshen, OriginTrouble, Overrides, Policy, Reuse, Stored,
    StoredBody, current_age, evaluate_preconditions, freshen, freshen_by_head, invalidated_uris,
    may_look_up, may_reuse, may_serve_stale_on_error, may_store, select_variant, validation_fields,
};
use selvedge_fuzz::{Exchange, NOW};

fn policies() -> [Policy; 3] {
    let plain = Policy {
        default_ttl: 0,
        error_min_ttl: ErrorMinimum::of_default(0),
        honor_viewer_cache_control: true,
        tag_field: Some(http::HeaderName::from_static("cache-tag")),
        ..Policy::default()
    };
    let cloudfront = Policy {
        min_ttl: 1,
        compatibility: Compatibility::Cloudfront,
        ..Policy::default()
    };
    [plain, Policy::default(), cloudfront]
}

fuzz_target!(|bytes: &[u8]| {
    let Some(exchange) = Exchange::read(bytes) else {
        return;
    };
    let (request, received) = (exchange.request(), exchange.received(NOW));
    let _ = evaluate_preconditions(&request, exchange.status, &exchange.response);
    let _ = invalidated_uris(&request, &received);
    for policy in policies() {
        let _ = may_look_up(&request, &policy);
        let Ok(stored) = may_store(&request, &received, &policy, &Overrides::default()) else {
            continue;
        };
        judge(&exchange, stored, &policy);
    }
});

fn judge(exchange: &Exchange, stored: Stored, policy: &Policy) {
    let request = exchange.request();
    assert_eq!(
        Stored::decode(&stored.encode()).as_ref(),
        Ok(&stored),
        "what is written is read"
    );
    let mut before = 0;
    for seconds in [0, 1, 60, 86_400, 31_536_000, u64::MAX / 1000] {
        let now = NOW.plus_secs(seconds);
        let age = current_age(&stored, now);
        assert!(age >= before, "Age falls");
        before = age;
        match may_reuse(&request, &stored, policy, now) {
            Reuse::Fresh { .. } | Reuse::StaleWhileRevalidate { .. } => {
                assert!(
                    !stored.directives.no_cache,
                    "no-cache is used without validation"
                );
            }
            Reuse::MustValidate(_) => {}
        }
        for trouble in [OriginTrouble::Disconnected, OriginTrouble::Error] {
            let _ = may_serve_stale_on_error(&request, &stored, policy, trouble, now);
        }
    }
    let selected = select_variant(request.fields, [&stored]);
    assert_eq!(
        selected,
        Some(0),
        "the request that a response answered selects it"
    );
    let conditions = validation_fields(&stored);
    assert!(conditions.is_none() || matches!(stored.body, StoredBody::Complete { .. }));
    let later = exchange.received(NOW.plus_secs(100));
    let overrides = Overrides::default();
    for freshened in [
        freshen(&stored, &request, &later, policy, &overrides),
        freshen_by_head(&stored, &request, &later, policy, &overrides),
    ] {
        if let Freshen::Updated(updated) = freshened {
            assert_eq!(
                Stored::decode(&updated.encode()).as_ref(),
                Ok(&updated),
                "what is written is read"
            );
        }
    }
}
