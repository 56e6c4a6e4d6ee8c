//! Entity tags (RFC 9110, section 8.8.3): reading and comparing them.
//!
//! Read from ETag, If-None-Match, If-Match and If-Range, whenever a stored response is compared with a viewer's copy or with
//! the origin's response.
//!
//! Origins also send tags without quotes, and viewers send them back. They are read (`abc` is not the same tag as
//! `"abc"`), but as weak ones: a tag outside the grammar never proves that bytes are the same.

use http::header::ETAG;
use http::{HeaderMap, HeaderName};

/// One entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    weak: bool,
    /// The tag with its quotes, where it has them.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads a value that is one tag. `None` for anything else, such as `w/"a"` (the prefix has one case), `*`, a list, or
    /// nothing.
    pub(crate) fn parse(value: &'a [u8]) -> Option<EntityTag<'a>> {
        let value = value.trim_ascii();
        let (weak, opaque) = match value.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, value),
        };
        match opaque {
            [b'"', inner @ .., b'"'] => inner
                .iter()
                .all(|byte| is_etagc(*byte))
                .then_some(EntityTag { weak, opaque }),
            [] | b"*" => None,
            _ => opaque
                .iter()
                .all(|byte| is_etagc(*byte) && *byte != b',')
                .then_some(EntityTag { weak: true, opaque }),
        }
    }

    /// The tag of a response; `None` without a valid one, and with several ETag lines, which contradict each other.
    pub(crate) fn of(fields: &'a HeaderMap) -> Option<EntityTag<'a>> {
        let mut lines = fields.get_all(ETAG).iter();
        let tag = EntityTag::parse(lines.next()?.as_bytes());
        if lines.next().is_some() { None } else { tag }
    }

    /// Returns true if the tag is a weak validator.
    pub(crate) fn is_weak(&self) -> bool {
        self.weak
    }

    /// The strong comparison (section 8.8.3.2): the representations have the same bytes.
    pub(crate) fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// The weak comparison (section 8.8.3.2): one representation will do for the other.
    pub(crate) fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// The tags that If-Match or If-None-Match names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TagList<'a> {
    /// `*`: any current representation.
    Any,
    /// These tags; members that are no tags are left out, so the list may be empty.
    Tags(Vec<EntityTag<'a>>),
}

impl<'a> TagList<'a> {
    /// The field's list; `None` without the field. `*` beside anything else is not in the grammar and names nothing.
    pub(crate) fn of(fields: &'a HeaderMap, name: &HeaderName) -> Option<TagList<'a>> {
        let mut lines = fields.get_all(name).iter().peekable();
        let first = lines.next()?.as_bytes();
        if lines.peek().is_none() && first.trim_ascii() == b"*" {
            return Some(TagList::Any);
        }
        let lines = fields.get_all(name).iter();
        Some(TagList::Tags(
            lines.flat_map(|line| tags(line.as_bytes())).collect(),
        ))
    }
}

/// The tags of one line. Commas inside quotes do not divide, and a backslash escapes nothing.
fn tags(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let end = member_end(line);
        rest = line.get(end + 1..);
        Some(EntityTag::parse(line.get(..end).unwrap_or_default()))
    })
    .flatten()
}

/// Returns the end of the first member: the first comma outside quotes, or the end. A quote that is not closed is plain.
fn member_end(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b',' => return at,
            b'"' => {
                let inside = line.get(at + 1..).unwrap_or_default();
                let close = inside.iter().position(|byte| *byte == b'"');
                at += close.map_or(1, |close| close + 2);
            }
            _ => at += 1,
        }
    }
    line.len()
}

/// The characters of a tag: visible ones but the quote, and obs-text.
fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderValue, IF_NONE_MATCH};

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn rfc_9110_8_8_3_2_comparison() {
        for (one, other, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            // Beyond the section's table.
            (r#""""#, r#""""#, true, true),
            (r#""a""#, r#""A""#, false, false),
            (r#""a\""#, r#""a\""#, true, true),
            ("abc", "abc", false, true),
            ("abc", r#""abc""#, false, false),
            ("W/abc", "abc", false, true),
        ] {
            assert_eq!(tag(one).strong_eq(&tag(other)), strong, "{one} {other}");
            assert_eq!(tag(other).strong_eq(&tag(one)), strong, "{other} {one}");
            assert_eq!(tag(one).weak_eq(&tag(other)), weak, "{one} {other}");
            assert_eq!(tag(other).weak_eq(&tag(one)), weak, "{other} {one}");
        }
    }

    #[test]
    fn rfc_9110_8_8_3_what_is_no_tag() {
        for text in [
            "",
            " ",
            "*",
            "W/",
            "W/*",
            "\"",
            r#"w/"a""#,
            r#"W/ "a""#,
            r#"W\"a""#,
            r#""a"b"#,
            r#""a" "b""#,
            r#""a", "b""#,
            "a b",
            "a,b",
            "\"a b\"",
            "\"a",
            "a\"",
        ] {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text}");
        }
        assert!(EntityTag::parse(b"\"\xff\"").is_some());
        assert!(EntityTag::parse(b"\"\x7f\"").is_none());
    }

    #[test]
    fn rfc_9110_13_1_2_lists_of_tags() {
        for (lines, expected) in [
            (&["*"][..], TagList::Any),
            (&[" * "], TagList::Any),
            (&["*", "*"], TagList::Tags(vec![])),
            (&[r#""a", *"#], TagList::Tags(vec![tag(r#""a""#)])),
            (&[""], TagList::Tags(vec![])),
            (
                &[r#""a",W/"b" ,, "c,d""#, "e"],
                TagList::Tags(vec![
                    tag(r#""a""#),
                    tag(r#"W/"b""#),
                    tag(r#""c,d""#),
                    tag("e"),
                ]),
            ),
            // A backslash before a quote escapes nothing.
            (
                &[r#""a\", "b""#],
                TagList::Tags(vec![tag(r#""a\""#), tag(r#""b""#)]),
            ),
            // What is no tag hides nothing after it.
            (&[r#"w/"x", "b""#], TagList::Tags(vec![tag(r#""b""#)])),
            (&[r#""x, "b""#], TagList::Tags(vec![])),
            (&["\"x, b"], TagList::Tags(vec![tag("b")])),
        ] {
            let mut fields = HeaderMap::new();
            for line in lines {
                fields.append(IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            assert_eq!(
                TagList::of(&fields, &IF_NONE_MATCH),
                Some(expected),
                "{lines:?}"
            );
        }
        assert_eq!(TagList::of(&HeaderMap::new(), &IF_NONE_MATCH), None);
    }

    #[test]
    fn a_response_with_two_tags_has_none() {
        let mut fields = HeaderMap::new();
        fields.append(ETAG, HeaderValue::from_static("\"a\""));
        assert_eq!(EntityTag::of(&fields), Some(tag("\"a\"")));
        fields.append(ETAG, HeaderValue::from_static("\"b\""));
        assert_eq!(EntityTag::of(&fields), None);
    }
}
