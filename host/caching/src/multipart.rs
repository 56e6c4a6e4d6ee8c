//! Several byte ranges in one response: `multipart/byteranges` (RFC 9110, section 14.6).
//!
//! Laid out when [`select_ranges`](crate::select_ranges) answered with several ranges, before a byte is read: the exact
//! length of the whole is known at once, and the caller puts the ranges' bytes between the texts made here.
//!
//! The boundary follows from the ranges and the length, so the same request gets the same bytes. The content is not searched
//! for it: 32 hexadecimal digits don't occur by chance, and a reader who goes by the parts' Content-Range can't be misled by
//! content that was made to contain them.

use bytes::Bytes;
use http::HeaderValue;

/// The layout of a `multipart/byteranges` content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultipartRanges {
    boundary: String,
    parts: Vec<(Bytes, (u64, u64))>,
}

impl MultipartRanges {
    /// Lays out these ranges, each from its first to its last byte (both included), of a content of `complete_length` bytes.
    /// `content_type` is that of the content, and becomes that of every part.
    pub fn new(
        ranges: &[(u64, u64)],
        complete_length: u64,
        content_type: Option<&HeaderValue>,
    ) -> MultipartRanges {
        let boundary = boundary(ranges, complete_length);
        let mut before = "";
        let parts = ranges
            .iter()
            .map(|(first, last)| {
                let mut head = format!("{before}--{boundary}\r\n").into_bytes();
                before = "\r\n";
                if let Some(content_type) = content_type {
                    head.extend_from_slice(b"Content-Type: ");
                    head.extend_from_slice(content_type.as_bytes());
                    head.extend_from_slice(b"\r\n");
                }
                let range =
                    format!("Content-Range: bytes {first}-{last}/{complete_length}\r\n\r\n");
                head.extend_from_slice(range.as_bytes());
                (Bytes::from(head), (*first, *last))
            })
            .collect();
        MultipartRanges { boundary, parts }
    }

    /// The parts in order: the delimiter with the part's head, and the range whose bytes follow it.
    pub fn parts(&self) -> impl Iterator<Item = (Bytes, (u64, u64))> + '_ {
        self.parts.iter().cloned()
    }

    /// The text behind the last part's bytes.
    pub fn end(&self) -> Bytes {
        Bytes::from(format!("\r\n--{}--\r\n", self.boundary))
    }

    /// Bytes of the whole: heads, ranges and end.
    pub fn length(&self) -> u64 {
        let parts = self.parts.iter().fold(0u64, |sum, (head, (first, last))| {
            sum.saturating_add(head.len() as u64)
                .saturating_add(last.saturating_sub(*first))
                .saturating_add(1)
        });
        parts.saturating_add(self.end().len() as u64)
    }

    /// The Content-Type of the whole.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }
}

/// 32 hexadecimal digits that follow from the ranges and the length: FNV-1a, 128 bits.
fn boundary(ranges: &[(u64, u64)], complete_length: u64) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let numbers = ranges.iter().flat_map(|(first, last)| [*first, *last]);
    let hash = numbers
        .chain([complete_length])
        .flat_map(u64::to_be_bytes)
        .fold(OFFSET, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(PRIME)
        });
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(layout: &MultipartRanges, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (head, (first, last)) in layout.parts() {
            out.extend_from_slice(&head);
            out.extend_from_slice(&content[first as usize..=last as usize]);
        }
        out.extend_from_slice(&layout.end());
        out
    }

    #[test]
    fn rfc_9110_14_6_every_byte_of_the_content() {
        let text = HeaderValue::from_static("text/plain");
        let layout = MultipartRanges::new(&[(0, 1), (8, 9)], 10, Some(&text));
        let whole = written(&layout, b"0123456789");
        let content_type = layout.content_type();
        let boundary = content_type
            .strip_prefix("multipart/byteranges; boundary=")
            .expect("the type");
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\
             \r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&whole), expected);
        assert_eq!(layout.length(), whole.len() as u64);
    }

    #[test]
    fn rfc_9110_14_6_a_content_without_a_type_has_parts_without_one() {
        let layout = MultipartRanges::new(&[(0, 0), (2, 2)], 3, None);
        let whole = written(&layout, b"abc");
        assert!(!String::from_utf8_lossy(&whole).contains("Content-Type"));
        assert_eq!(layout.length(), whole.len() as u64);
    }

    #[test]
    fn rfc_2046_5_1_1_a_boundary_is_a_token_of_at_most_70_characters() {
        let boundary = boundary(&[(0, u64::MAX - 1)], u64::MAX);
        assert_eq!(boundary.len(), 32);
        assert!(boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn the_boundary_follows_from_the_ranges_and_the_length() {
        let first = boundary(&[(0, 1), (8, 9)], 10);
        assert_eq!(first, boundary(&[(0, 1), (8, 9)], 10));
        assert_ne!(first, boundary(&[(8, 9), (0, 1)], 10));
        assert_ne!(first, boundary(&[(0, 1), (8, 9)], 11));
    }

    #[test]
    fn lengths_beyond_64_bits_are_the_largest() {
        let layout = MultipartRanges::new(&[(0, u64::MAX), (0, u64::MAX)], u64::MAX, None);
        assert_eq!(layout.length(), u64::MAX);
    }
}
