//! A bucket of tokens, as one number: when it will be full again (the generic cell rate algorithm).
//!
//! The bounds are exact: in any time T no more than `burst` + T / `interval` requests pass. Requests run at the same time on
//! several threads, so the number is written only in place of the one that was read; who comes too late reads again.

use selvedge_sdk::Result;

/// Nanoseconds, since 1970 where they are a time.
pub(crate) type Nanos = u64;

const SECOND: Nanos = 1_000_000_000;

/// How buckets are filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// How long one token takes to come back.
    interval: Nanos,
    /// How long all of them do.
    whole: Nanos,
}

impl Bucket {
    /// `requests` in `seconds`, and `burst` at once. All are at least 1; the caller bounds them so that nothing overflows.
    pub(crate) fn new(requests: u32, seconds: u32, burst: u32) -> Bucket {
        // Rounded up, so that no more pass than the configuration says.
        let interval = (u64::from(seconds) * SECOND).div_ceil(u64::from(requests));
        Bucket {
            interval,
            whole: interval * u64::from(burst),
        }
    }

    /// Takes a token out of a stored bucket, which others take tokens out of at the same time: nothing, or how long until there
    /// is one. `put_if` writes a number in place of what `get` read, and says whether that was still there.
    pub(crate) fn take_stored(
        self,
        now: Nanos,
        mut get: impl FnMut() -> Result<Option<Vec<u8>>>,
        mut put_if: impl FnMut(Option<&[u8]>, Nanos) -> Result<bool>,
    ) -> Result<core::result::Result<(), Nanos>> {
        // It ends: where another was faster, that one took a token, and the bucket has so many. The host's limits hold too.
        loop {
            let stored = get()?;
            // What is no number of ours is none: the bucket is full.
            let full_at = stored.as_deref().and_then(|bytes| bytes.try_into().ok());
            match self.take(full_at.map_or(0, Nanos::from_be_bytes), now) {
                Ok(state) if put_if(stored.as_deref(), state)? => return Ok(Ok(())),
                Ok(_) => {}
                Err(wait) => return Ok(Err(wait)),
            }
        }
    }

    /// Takes a token out of a bucket that is full at `full_at`: when it is full then, or how long until there is one.
    fn take(self, full_at: Nanos, now: Nanos) -> core::result::Result<Nanos, Nanos> {
        // A clock that was set back must not keep viewers out for longer than an empty bucket does.
        let full_at = full_at.clamp(now, now + self.whole);
        let state = full_at + self.interval;
        match state.checked_sub(now + self.whole) {
            None | Some(0) => Ok(state),
            Some(wait) => Err(wait),
        }
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(time: Nanos) -> u64 {
    time.div_ceil(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Numbers that look random, the same for the same seed.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 16) % end
        }
    }

    /// In no time between two of these does more pass than the burst and what came back meanwhile.
    fn within_bounds(bucket: Bucket, passed: &[Nanos]) {
        for (index, from) in passed.iter().enumerate() {
            for (further, to) in passed[index..].iter().enumerate() {
                let most = (bucket.whole + (to - from)) / bucket.interval;
                assert!(
                    (further as u64) < most,
                    "{} in {} ns, {bucket:?}",
                    further + 1,
                    to - from
                );
            }
        }
    }

    #[test]
    fn one_after_the_other_no_more_pass_than_burst_and_rate_allow() {
        for seed in 0..50 {
            let mut numbers = Numbers(seed);
            let bucket = Bucket::new(
                1 + numbers.below(20) as u32,
                1 + numbers.below(10) as u32,
                1 + numbers.below(10) as u32,
            );
            let (mut now, mut state) = (1_000 * SECOND, 0);
            let mut passed = Vec::new();
            for _ in 0..300 {
                now += numbers.below(bucket.interval);
                if let Ok(next) = bucket.take(state, now) {
                    state = next;
                    passed.push(now);
                }
            }
            assert!(passed.len() > 50, "the bounds are not that narrow");
            within_bounds(bucket, &passed);
        }
    }

    #[test]
    fn whoever_waits_as_long_as_said_passes_and_not_before() {
        let bucket = Bucket::new(7, 60, 3);
        let (now, mut state) = (1_000 * SECOND, 0);
        for _ in 0..3 {
            state = bucket.take(state, now).unwrap();
        }
        let wait = bucket.take(state, now).unwrap_err();
        assert_eq!(seconds(wait), 9);
        assert!(bucket.take(state, now + wait - 1).is_err());
        assert!(bucket.take(state, now + wait).is_ok());
    }

    #[test]
    fn whoever_stays_within_the_rate_is_never_refused() {
        let bucket = Bucket::new(10, 1, 1);
        let mut state = 0;
        for tick in 0..1000 {
            state = bucket.take(state, SECOND + tick * SECOND / 10).unwrap();
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_an_empty_bucket() {
        let bucket = Bucket::new(10, 10, 5);
        let wait = bucket.take(1_000_000 * SECOND, SECOND).unwrap_err();
        assert_eq!(wait, SECOND);
    }

    /// The value stored under the bucket's key.
    type Stored = Mutex<Option<Vec<u8>>>;

    /// As the host's `put-if`.
    fn put_if(stored: &Stored, expected: Option<&[u8]>, state: Nanos) -> bool {
        let mut stored = stored.lock().unwrap();
        let as_expected = stored.as_deref() == expected;
        if as_expected {
            *stored = Some(state.to_be_bytes().to_vec());
        }
        as_expected
    }

    /// One request, which others overtake between its reading and its writing.
    fn overtaken(bucket: Bucket, stored: &Stored, now: Nanos, mut by: usize) -> bool {
        let taken = bucket.take_stored(
            now,
            || Ok(stored.lock().unwrap().clone()),
            |expected, state| {
                if by > 0 {
                    by -= 1;
                    assert!(overtaken(bucket, stored, now, 0), "a token was left");
                }
                Ok(put_if(stored, expected, state))
            },
        );
        taken.unwrap().is_ok()
    }

    #[test]
    fn a_request_that_others_overtake_takes_a_token_of_its_own() {
        let bucket = Bucket::new(1, 1, 5);
        let (stored, now) = (Stored::default(), 1_000 * SECOND);
        assert!(overtaken(bucket, &stored, now, 3));
        assert!(overtaken(bucket, &stored, now, 0), "the fifth token");
        assert!(!overtaken(bucket, &stored, now, 0));
        let stored = Stored::default();
        assert!(!overtaken(bucket, &stored, now, 5), "others had all five");
    }

    #[test]
    fn of_requests_at_the_same_time_no_more_pass_than_there_are_tokens() {
        for burst in [1, 7, 200] {
            let bucket = Bucket::new(1, 1, burst);
            let stored = Stored::default();
            let passed = AtomicU32::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            let pass = overtaken(bucket, &stored, 1_000 * SECOND, 0);
                            passed.fetch_add(u32::from(pass), Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(passed.into_inner(), burst);
        }
    }

    #[test]
    fn what_is_no_number_is_a_full_bucket_and_is_replaced() {
        let bucket = Bucket::new(1, 1, 1);
        let stored = Mutex::new(Some(b"something".to_vec()));
        assert!(overtaken(bucket, &stored, 1_000 * SECOND, 0));
        assert!(!overtaken(bucket, &stored, 1_000 * SECOND, 0));
    }
}
