//! An object that an origin gives in ranges.

use crate::answer::Answer;
use crate::gate::eventually;
use crate::origin::{Origin, Seen};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An object at the origin that can be had in ranges. Its content differs from one version to the next in every byte.
#[derive(Clone)]
pub struct Object {
    length: u64,
    version: Arc<AtomicU64>,
}

impl Object {
    /// The first version, of this length.
    pub fn new(length: u64) -> Object {
        Object {
            length,
            version: Arc::new(AtomicU64::new(1)),
        }
    }

    /// From now on it has another version.
    pub fn changes(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// The bytes of the present version from the first to the last.
    pub fn bytes(&self, first: u64, last: u64) -> Vec<u8> {
        let version = self.version.load(Ordering::SeqCst);
        let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8 ^ (at >> 16) as u8;
        (first..=last)
            .map(|at| byte(at).wrapping_add(version as u8))
            .collect()
    }

    /// The present version.
    pub fn whole(&self) -> Vec<u8> {
        self.bytes(0, self.length - 1)
    }

    /// The entity tag of the present version.
    pub fn etag(&self) -> String {
        format!("\"v{}\"", self.version.load(Ordering::SeqCst))
    }

    /// The answer of an origin that knows conditions and ranges.
    pub fn answer(&self, seen: &Seen) -> Answer {
        let answer = |status| {
            Answer::status(status)
                .cache_control("max-age=60")
                .field("ETag", self.etag())
        };
        if seen.field("if-none-match") == Some(self.etag()) {
            return answer(304);
        }
        let counts = seen
            .field("if-range")
            .is_none_or(|asked| asked == self.etag());
        let Some(range) = seen.field("range").filter(|_| counts) else {
            return answer(200).content(self.whole());
        };
        let (first, last) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .expect("one plain range");
        let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), last) => (
                first,
                last.map_or(self.length - 1, |last| last.min(self.length - 1)),
            ),
            (Err(_), last) => (self.length - last.expect("a suffix"), self.length - 1),
        };
        if first >= self.length {
            return answer(416).field("Content-Range", format!("bytes */{}", self.length));
        }
        answer(206)
            .field(
                "Content-Range",
                format!("bytes {first}-{last}/{}", self.length),
            )
            .content(self.bytes(first, last))
    }

    /// Puts it at a path of the origin.
    pub fn at(&self, origin: &Origin, path: &str) {
        let object = self.clone();
        origin.on(path).computes(move |seen| object.answer(seen));
    }
}

/// The Range of each request that an origin has got; empty where it had none.
pub fn ranges(origin: &Origin) -> Vec<String> {
    let all = origin.all_requests();
    all.iter()
        .map(|seen| seen.field("range").unwrap_or_default())
        .collect()
}

/// Claims that so many bytes of content leave the origin: it counts them after the viewer may have got them.
#[track_caller]
pub fn sends(origin: &Origin, bytes: u64) {
    eventually("the origin counts what it sent", || origin.sent() >= bytes);
    assert_eq!(origin.sent(), bytes);
}
