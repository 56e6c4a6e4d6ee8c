//! A connection's bytes: heads, chunked content, trailers. However they are split, the same bytes pass and the same refusal follows.
//! The first byte says how they are split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#[path = "../../host/src/server"]
mod server {
    pub mod guard;
    pub mod message;
}
use server::guard;

/// The guard waits for a while after a refusal.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
});

/// A viewer that sends so many bytes at once, and is then silent.
struct Viewer<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl AsyncRead for Viewer<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.size.min(self.bytes.len()).min(out.remaining());
        if size == 0 {
            return Poll::Pending;
        }
        let (now, later) = self.bytes.split_at(size);
        out.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Viewer<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The bytes that pass, and the word for content that is refused.
fn pass(bytes: &[u8], size: usize) -> (Vec<u8>, Option<&'static str>) {
    let (guard, _) = guard::Guard::new(Viewer { bytes, size });
    let mut guard = pin!(guard);
    let mut context = Context::from_waker(Waker::noop());
    let (mut passed, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let mut out = ReadBuf::new(&mut buffer);
        match guard.as_mut().poll_read(&mut context, &mut out) {
            Poll::Ready(Ok(())) if out.filled().is_empty() => return (passed, None),
            Poll::Ready(Ok(())) => passed.extend_from_slice(out.filled()),
            Poll::Ready(Err(error)) => {
                let refusal = guard::refusal_of(&error).expect("the viewer makes no errors");
                return (passed, Some(refusal.reason().as_str()));
            }
            Poll::Pending => return (passed, None),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _runtime = RUNTIME.enter();
    let Some((split, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = pass(bytes, usize::MAX);
    assert_eq!(pass(bytes, usize::from(*split).max(1)), whole);
});
