//! The timer that hyper bounds heads with, made so that a request which comes in time costs next to nothing.
//!
//! hyper asks for a new sleep before each head and drops it when the head has come. tokio would enter each into its wheel and
//! take it out again, under a lock that all workers share. Here the sleeps of a connection have one tokio timer between them,
//! which is moved only when it fires: at most once in the length of a timeout, whatever the number of requests.

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// A timer for the sleeps of one connection, of which one at a time is waited for. Their deadlines must not go back.
#[derive(Clone, Default)]
pub(super) struct LazyTimer(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

impl Timer for LazyTimer {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(LazySleep {
            deadline,
            shared: self.clone(),
        })
    }
}

struct LazySleep {
    deadline: Instant,
    shared: LazyTimer,
}

impl Sleep for LazySleep {}

impl Future for LazySleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let now = || self.shared.now();
        let mut shared = self.shared.0.lock();
        let timer =
            shared.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        loop {
            ready!(timer.as_mut().poll(cx));
            if now() >= deadline {
                return Poll::Ready(());
            }
            // It was set for an earlier sleep.
            timer.as_mut().reset(deadline.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_sleep_is_not_ended_by_the_timer_of_an_earlier_one() {
        let timer = LazyTimer::default();
        let began = Instant::now();
        let mut first = timer.sleep(Duration::from_millis(50));
        let pending = std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending()));
        assert!(pending.await, "nothing is over yet");
        drop(first);
        timer.sleep(Duration::from_millis(150)).await;
        assert!(began.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn each_of_several_sleeps_ends() {
        let timer = LazyTimer::default();
        for _ in 0..3 {
            let began = Instant::now();
            timer.sleep(Duration::from_millis(20)).await;
            assert!(began.elapsed() >= Duration::from_millis(20));
        }
    }
}
