//! Content that has to be as long as announced elsewhere than in its framing: a part, by its Content-Range.

use bytes::Bytes;

/// A part that is not as long as its Content-Range says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongLength {
    #[error("the part is longer than its Content-Range says")]
    TooLong,
    #[error("the part is shorter than its Content-Range says")]
    TooShort,
}

impl WrongLength {
    /// The word in logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        "part-length"
    }
}

/// Lets the pieces of such content through. The last one waits until the content has ended, or a reader would have all that it
/// expects before the byte too many comes.
#[derive(Debug)]
pub(crate) struct Announced {
    left: Option<u64>,
    last: Option<Bytes>,
}

impl Announced {
    /// `None` if nothing but the framing says how long the content is.
    pub(crate) fn of(length: Option<u64>) -> Announced {
        Announced {
            left: length,
            last: None,
        }
    }

    /// Returns the piece, unless it is the last one.
    pub(crate) fn take(&mut self, piece: Bytes) -> Result<Option<Bytes>, WrongLength> {
        let Some(left) = &mut self.left else {
            return Ok(Some(piece));
        };
        *left = left
            .checked_sub(piece.len() as u64)
            .ok_or(WrongLength::TooLong)?;
        if *left > 0 || piece.is_empty() {
            return Ok(Some(piece));
        }
        self.last = Some(piece);
        Ok(None)
    }

    /// Returns the last piece at the end of the content.
    pub(crate) fn end(self) -> Result<Option<Bytes>, WrongLength> {
        match self.left {
            None | Some(0) => Ok(self.last),
            Some(_) => Err(WrongLength::TooShort),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces that are let through, and how it ends.
    fn through(length: Option<u64>, pieces: &[&'static str]) -> (String, Option<WrongLength>) {
        let mut announced = Announced::of(length);
        let mut passed = Vec::new();
        for piece in pieces {
            match announced.take(Bytes::from_static(piece.as_bytes())) {
                Ok(piece) => passed.extend(piece),
                Err(wrong) => return (text(&passed), Some(wrong)),
            }
        }
        let wrong = match announced.end() {
            Ok(piece) => {
                passed.extend(piece);
                None
            }
            Err(wrong) => Some(wrong),
        };
        (text(&passed), wrong)
    }

    fn text(pieces: &[Bytes]) -> String {
        String::from_utf8(pieces.concat()).expect("it was text")
    }

    #[test]
    fn content_of_the_wrong_length_is_never_let_through_whole() {
        use WrongLength::{TooLong, TooShort};
        for (length, pieces, passed, wrong) in [
            (None, &["ab", "", "c"][..], "abc", None),
            (Some(3), &["ab", "", "c"], "abc", None),
            (Some(3), &["abc", ""], "abc", None),
            (Some(3), &["ab"], "ab", Some(TooShort)),
            (Some(3), &[], "", Some(TooShort)),
            (Some(3), &["abcd"], "", Some(TooLong)),
            (Some(3), &["ab", "c", "d"], "ab", Some(TooLong)),
            (Some(3), &["abc", "d"], "", Some(TooLong)),
        ] {
            assert_eq!(through(length, pieces), (passed.to_owned(), wrong));
        }
    }
}
