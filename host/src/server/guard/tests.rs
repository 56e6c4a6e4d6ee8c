//! The guard's claims: verdict tables, the same verdict however the bytes are split, and real connections with hyper behind.

mod agreement;
mod chunked;
mod head;
mod samples;
mod splits;
mod support;
mod upgrade;
mod wire;

use super::refusal::RefusalReason;

#[test]
fn every_reason_has_its_own_kebab_case_word_and_an_error_status() {
    let mut words: Vec<&str> = RefusalReason::ALL.iter().map(|r| r.as_str()).collect();
    let is_word = |word: &&str| {
        word.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    assert!(words.iter().all(is_word), "{words:?}");
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), RefusalReason::ALL.len());
    for reason in RefusalReason::ALL {
        let status = reason.status();
        assert!(status.is_client_error() || status.is_server_error());
    }
}

#[test]
fn sentences_name_the_limits_that_the_code_has() {
    let sentence = |reason| super::Refusal::new(reason, 0).to_string();
    let holds = |reason, limit: usize| sentence(reason).contains(&limit.to_string());
    assert!(holds(RefusalReason::TargetTooLong, super::MAX_TARGET_BYTES));
    assert!(holds(RefusalReason::FieldsTooLarge, super::MAX_FIELD_BYTES));
    assert!(holds(RefusalReason::TooManyFields, super::MAX_FIELDS));
    assert!(holds(
        RefusalReason::TrailersTooLarge,
        super::MAX_TRAILER_BYTES
    ));
    assert!(holds(RefusalReason::TrailersTooLarge, super::MAX_TRAILERS));
    assert!(holds(
        RefusalReason::ChunkExtensionsTooLarge,
        super::MAX_CHUNK_EXTENSION_BYTES
    ));
    assert_eq!(
        sentence(RefusalReason::BareLf),
        "A line ends with an LF that no CR precedes. (bare-lf, byte 0 of the request head)"
    );
}
