//! However a connection's bytes are split, the guard says the same: the same bytes pass, the same refusal follows.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::inspect::{Inspector, Verdict};
use super::super::refusal::{Refusal, refusal_of};
use super::super::stream::Guard;
use super::samples::{Random, connection};
use super::support::inspect_all;

const CASES: u64 = 20_000;

/// Feeds pieces to an inspector as the stream does: what was not approved is given again.
fn inspect<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (usize, u64, Verdict) {
    let mut inspector = Inspector::new();
    let (mut held, mut approved, mut heads) = (Vec::new(), 0, 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        let found = inspect_all(&mut inspector, &held);
        held.drain(..found.approved);
        approved += found.approved;
        heads += found.heads;
        if found.verdict != Verdict::Open {
            return (approved, heads, found.verdict);
        }
    }
    (approved, heads, Verdict::Open)
}

#[test]
fn any_split_gives_the_verdict_of_the_whole() {
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let bytes = connection(&mut random);
        let whole = inspect([&bytes[..]].into_iter());
        let single = inspect(bytes.chunks(1));
        assert_eq!(single, whole, "seed {seed}: {}", bytes.escape_ascii());
        let size = 1 + random.below(40);
        let pieces = inspect(bytes.chunks(size));
        assert_eq!(
            pieces,
            whole,
            "seed {seed} by {size}: {}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn any_split_of_noise_gives_the_verdict_of_the_whole() {
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let bytes: Vec<u8> = (0..random.below(60))
            .map(|_| random.below(256) as u8)
            .collect();
        let whole = inspect([&bytes[..]].into_iter());
        assert_eq!(inspect(bytes.chunks(1)), whole, "seed {seed}");
    }
}

#[test]
fn limits_are_met_at_the_same_byte_however_the_bytes_are_split() {
    for (start, fill) in [
        ("GET /", "a"),
        ("GET / HTTP/1.1\r\nx: ", "y"),
        ("GET / HTTP/1.1\r\nx", "y"),
        ("GET / HTTP/1.1\r\n", "x: y\r\n"),
        (
            "GET / HTTP/1.1\r\n",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        ),
        ("M", "M"),
        ("", "\r\n"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: ",
            "y",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;",
            "y",
        ),
    ] {
        let bytes = format!("{start}{}", fill.repeat(45_000 / fill.len())).into_bytes();
        let whole = inspect([&bytes[..]].into_iter());
        assert_ne!(whole.2, Verdict::Open, "{start:?}");
        for size in [1, 7, 1000, 8191, 32_768] {
            assert_eq!(inspect(bytes.chunks(size)), whole, "{start:?} by {size}");
        }
    }
}

/// A viewer whose bytes come in these pieces and who then stays silent, or leaves.
struct Viewer {
    pieces: VecDeque<Vec<u8>>,
    leaves: bool,
}

impl AsyncRead for Viewer {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let viewer = self.get_mut();
        let Some(mut piece) = viewer.pieces.pop_front() else {
            return match viewer.leaves {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        };
        let taken = piece.len().min(out.remaining());
        let rest = piece.split_off(taken);
        out.put_slice(&piece);
        if !rest.is_empty() {
            viewer.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Viewer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug, PartialEq)]
enum End {
    Waits,
    Ended,
    Failed(Refusal),
}

/// Reads through a guard with a buffer of this size: what comes out, how it ends, which refusal the service meets.
fn read_through(
    bytes: &[u8],
    piece: usize,
    buffer: usize,
    leaves: bool,
) -> (Vec<u8>, End, Option<Refusal>) {
    let pieces = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
    let (mut guard, state) = Guard::new(Viewer { pieces, leaves });
    let mut context = Context::from_waker(Waker::noop());
    let (mut out, mut space) = (Vec::new(), vec![0; buffer]);
    let (mut begun, mut refused) = (0, None);
    let end = loop {
        // The service answers at once.
        while begun < state.lock().approved {
            begun += 1;
            drop(state.begin());
            refused = refused.or(state.head_refusal());
        }
        let mut read = ReadBuf::new(&mut space);
        match Pin::new(&mut guard).poll_read(&mut context, &mut read) {
            Poll::Pending => break End::Waits,
            Poll::Ready(Ok(())) if read.filled().is_empty() => break End::Ended,
            Poll::Ready(Ok(())) => out.extend_from_slice(read.filled()),
            Poll::Ready(Err(error)) => {
                break End::Failed(refusal_of(&error).expect("the viewer itself never fails"));
            }
        }
    };
    (out, end, refused)
}

#[test]
fn the_stream_gives_the_same_bytes_and_refusals_for_any_split_and_any_buffer() {
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let bytes = connection(&mut random);
        let leaves = random.below(2) == 0;
        let whole = read_through(&bytes, bytes.len(), 64 * 1024, leaves);
        let (piece, buffer) = (1 + random.below(50), 1 + random.below(50));
        let split = read_through(&bytes, piece, buffer, leaves);
        assert_eq!(
            split,
            whole,
            "seed {seed}, pieces of {piece} into {buffer}: {}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn nothing_is_held_when_no_head_is_unfinished() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (out, end, refused) = read_through(&request.repeat(3), 9, 16, false);
    assert_eq!(
        (out.len(), end, refused),
        (request.len() * 3, End::Waits, None)
    );
}

#[test]
fn a_target_is_encoded_however_its_bytes_are_split() {
    let sent = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                POST /ü?q=\"<> HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nü>\
                GET http://a/< HTTP/1.1\r\nHost: a\r\n\r\n\
                GET /4 HTTP/1.1\r\nHo";
    let seen = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                POST /%C3%BC?q=%22%3C%3E HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nü>\
                GET http://a/%3C HTTP/1.1\r\nHost: a\r\n\r\n";
    for piece in 1..=sent.len() {
        for buffer in [1, 7, 1000] {
            let (out, end, refused) = read_through(sent.as_bytes(), piece, buffer, false);
            assert_eq!(String::from_utf8_lossy(&out), seen, "{piece} into {buffer}");
            assert_eq!((end, refused), (End::Waits, None));
        }
    }
}
