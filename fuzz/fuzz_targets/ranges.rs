//! Range, If-Range and Content-Range: the first word of the path is the content's length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_caching::multipart::MultipartRanges;
use selvedge_caching::{
    MAX_RANGES, Overrides, PartAnswer, Policy, RangeAnswer, StoredBody, answer_from_part,
    completion_fields, may_combine, may_store, select_ranges,
};
use selvedge_fuzz::{Exchange, NOW};

fuzz_target!(|bytes: &[u8]| {
    let Some(exchange) = Exchange::read(bytes) else {
        return;
    };
    let request = exchange.request();
    let length = exchange
        .uri
        .path()
        .trim_matches('/')
        .parse()
        .unwrap_or(1000);
    match select_ranges(&request, exchange.status, &exchange.response, length) {
        RangeAnswer::Single { first, last } => assert!(first <= last && last < length),
        RangeAnswer::Several(ranges) => several(&exchange, &ranges, length),
        RangeAnswer::Whole | RangeAnswer::Unsatisfiable => {}
    }
    let received = exchange.received(NOW);
    let Ok(stored) = may_store(
        &request,
        &received,
        &Policy::default(),
        &Overrides::default(),
    ) else {
        return;
    };
    let StoredBody::Partial { first, last, .. } = stored.body else {
        return;
    };
    assert!(first <= last);
    match answer_from_part(&request, &stored) {
        PartAnswer::Within {
            first: from,
            last: to,
        } => assert!(first <= from && from <= to && to <= last),
        PartAnswer::Missing {
            first: from,
            last: to,
        } => {
            assert!(to.is_none_or(|to| from <= to), "nothing is missing");
            let _ = completion_fields(&stored, from, to);
        }
        PartAnswer::Whole | PartAnswer::Unsatisfiable | PartAnswer::Useless => {}
    }
    let _ = may_combine(&stored, &received);
});

fn several(exchange: &Exchange, ranges: &[(u64, u64)], length: u64) {
    assert!(ranges.len() <= MAX_RANGES);
    assert!(
        ranges
            .iter()
            .all(|(first, last)| first <= last && *last < length)
    );
    let content_type = exchange.response.get(http::header::CONTENT_TYPE);
    let layout = MultipartRanges::new(ranges, length, content_type);
    let parts: u64 = layout
        .parts()
        .map(|(head, (first, last))| head.len() as u64 + (last - first + 1))
        .sum();
    assert_eq!(
        layout.length(),
        parts + layout.end().len() as u64,
        "the length is that of the parts"
    );
}
