//! Bodies that a plugin makes while they flow: a [`Transform`] turns one into another, a [`Producer`] makes one.
//!
//! The host gives a transform the pieces as they arrive and sends on what it writes. Nothing is held but what the
//! transform itself holds, and a slow viewer slows it down. Each call is under the limits of a hook call.

use crate::Result;

/// Turns one body into another while it streams.
///
/// Pieces end where the network ended them, in the middle of a word perhaps: what needs more than it has keeps it until
/// the next piece, or until [`finish`](Transform::finish).
///
/// ```
/// use selvedge_sdk::prelude::*;
///
/// /// Puts every line in capitals.
/// struct Shout;
///
/// impl Transform for Shout {
///     fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
///         out.extend(piece.to_ascii_uppercase());
///         Ok(())
///     }
/// }
///
/// assert_eq!(stream::run(Shout, ["quiet", "ly"]), Ok(b"QUIETLY".to_vec()));
/// ```
pub trait Transform {
    /// Takes a piece and writes what goes on in its place, which may be nothing.
    ///
    /// # Errors
    ///
    /// An error breaks the body off: what was sent cannot be taken back, and what is incomplete is not stored.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// The body has come to its end: writes what is left.
    ///
    /// # Errors
    ///
    /// As for [`push`](Transform::push).
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// Makes a body piece by piece. The host asks for the next one when it can send it.
pub trait Producer {
    /// The next piece; `None` ends the body.
    ///
    /// # Errors
    ///
    /// An error breaks the body off.
    fn next(&mut self) -> Result<Option<Vec<u8>>>;
}

/// A producer of a closure:
///
/// ```
/// use selvedge_sdk::prelude::*;
///
/// let mut lines = ["one\n", "two\n"].into_iter();
/// let producer = stream::from_fn(move || Ok(lines.next().map(|line| line.as_bytes().to_vec())));
/// assert_eq!(stream::collect(producer), Ok(b"one\ntwo\n".to_vec()));
/// ```
pub fn from_fn(next: impl FnMut() -> Result<Option<Vec<u8>>>) -> impl Producer {
    struct FromFn<F>(F);

    impl<F: FnMut() -> Result<Option<Vec<u8>>>> Producer for FromFn<F> {
        fn next(&mut self) -> Result<Option<Vec<u8>>> {
            (self.0)()
        }
    }

    FromFn(next)
}

/// A boxed producer is one, so that [`collect`] takes what a decision holds.
impl<P: Producer + ?Sized> Producer for Box<P> {
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        (**self).next()
    }
}

/// A boxed transform is one, so that [`run`] takes what a decision holds.
impl<T: Transform + ?Sized> Transform for Box<T> {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
        (**self).push(piece, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        (**self).finish(out)
    }
}

/// Runs a transform over pieces and gives the whole of what it wrote: for tests.
///
/// # Errors
///
/// Those of the transform.
pub fn run(
    mut transform: impl Transform,
    pieces: impl IntoIterator<Item: AsRef<[u8]>>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for piece in pieces {
        transform.push(piece.as_ref(), &mut out)?;
    }
    transform.finish(&mut out)?;
    Ok(out)
}

/// Runs a producer to its end and gives the whole body: for tests. A producer without an end is stopped after 64 MiB.
///
/// # Errors
///
/// Those of the producer.
pub fn collect(mut producer: impl Producer) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = producer.next()? {
        body.extend(piece);
        if body.len() > 64 << 20 {
            return Err("the producer does not end".into());
        }
    }
    Ok(body)
}
