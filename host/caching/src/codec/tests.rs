use super::*;
use crate::testing::{NOW, Random, fields, stored, stored_for};

fn samples() -> Vec<Stored> {
    let plain = stored(200, &[("cache-control", "max-age=60")]);
    let mut full = stored_for(
        &[("accept-language", "de, en;q=0.5")],
        206,
        &[
            (
                "cache-control",
                "max-age=60, stale-while-revalidate=5, stale-if-error=6, immutable, must-revalidate",
            ),
            ("content-range", "bytes 0-9/20"),
            ("vary", "Accept-Language, X-Absent"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-latin", "caf\u{e9}"),
        ],
    );
    full.trailers = Some(fields(&[("digest", "x")]));
    full.tags = vec!["page-1".to_owned(), "\u{e9}".to_owned()];
    full.invalidated_softly = true;
    full.response_time = NOW.plus_secs(3);
    vec![plain, full]
}

#[test]
fn what_is_encoded_is_decoded_as_it_was() {
    for stored in samples() {
        assert_eq!(Stored::decode(&stored.encode()), Ok(stored));
    }
}

#[test]
fn every_source_has_its_own_code_and_comes_back() {
    for code in 0..=u8::MAX {
        if let Some(source) = LifetimeSource::from_code(code) {
            assert_eq!(source.code(), code);
        }
    }
    assert_eq!(
        LifetimeSource::from_code(LifetimeSource::Maximum.code()),
        Some(LifetimeSource::Maximum)
    );
}

#[test]
fn another_version_is_named() {
    let mut bytes = samples()[0].encode();
    bytes[0] = 200;
    assert_eq!(Stored::decode(&bytes), Err(DecodeError::Version(200)));
}

#[test]
fn a_head_that_is_cut_anywhere_or_goes_on_is_refused() {
    for stored in samples() {
        let mut bytes = stored.encode();
        for end in 0..bytes.len() {
            assert!(Stored::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(Stored::decode(&bytes), Err(DecodeError::Long));
    }
}

#[test]
fn changed_bytes_never_panic_and_what_is_read_can_be_written() {
    let samples: Vec<Vec<u8>> = samples().iter().map(Stored::encode).collect();
    let mut random = Random(1);
    for round in 0..20_000 {
        let mut bytes = samples[round % samples.len()].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.next().to_le_bytes()[0];
        }
        if let Ok(stored) = Stored::decode(&bytes) {
            assert_eq!(
                Stored::decode(&stored.encode()),
                Ok(stored),
                "round {round}"
            );
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(2);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(200))
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = Stored::decode(&bytes);
    }
}

#[test]
fn a_huge_count_is_refused_before_anything_is_reserved() {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&200_u64.to_le_bytes());
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Stored::decode(&bytes), Err(DecodeError::Short));
}

#[test]
fn a_part_with_impossible_positions_is_refused() {
    for (first, last, complete_length) in [(5, 4, None), (0, 10, Some(10)), (0, 10, Some(0))] {
        let stored = Stored {
            body: StoredBody::Partial {
                first,
                last,
                complete_length,
            },
            ..samples().remove(0)
        };
        assert_eq!(
            Stored::decode(&stored.encode()),
            Err(DecodeError::Malformed)
        );
    }
}
