//! A bucket of tokens, as one number: when it will be full again (the generic cell rate algorithm).
//!
//! One request after the other, the bounds are exact: in any time T no more than `burst` + T / `interval` requests pass.
//! A request reads the number, adds to it and writes it back. Requests that overlap in this, because they run at the same time on
//! several threads, may read the same number; the one that writes last then counts for all of them. So a group of overlapping
//! requests costs one token at least, and one for each at most. The tests show both bounds.

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

    /// Takes a token out of a bucket that is full at `full_at`: when it is full then, or how long until there is one.
    pub(crate) fn take(self, full_at: Nanos, now: Nanos) -> Result<Nanos, Nanos> {
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

    /// Requests that read a bucket at one time and write it at another. Groups of those that overlap, as the times of their
    /// first passes; how many passed; and the largest group.
    fn overlapping(bucket: Bucket, numbers: &mut Numbers) -> (Vec<Nanos>, usize, usize) {
        let (mut now, mut state) = (1_000 * SECOND, 0);
        let mut writing: Vec<Nanos> = Vec::new();
        let (mut groups, mut passed, mut in_group, mut largest) = (Vec::new(), 0, 0, 0);
        for _ in 0..2_000 {
            now += numbers.below(bucket.interval / 4 + 1);
            let reads = writing.is_empty() || (writing.len() < 4 && numbers.below(3) == 0);
            if !reads {
                // Any of them may be the next to write: one may have waited for long.
                let index = numbers.below(writing.len() as u64) as usize;
                state = writing.swap_remove(index);
            } else if let Ok(next) = bucket.take(state, now) {
                if writing.is_empty() {
                    groups.push(now);
                    in_group = 0;
                }
                writing.push(next);
                passed += 1;
                in_group += 1;
                largest = largest.max(in_group);
            }
        }
        (groups, passed, largest)
    }

    #[test]
    fn requests_at_the_same_time_cost_one_token_at_least() {
        let mut more = 0;
        for seed in 0..50 {
            let bucket = Bucket::new(10, 1, 5);
            let (groups, passed, largest) = overlapping(bucket, &mut Numbers(seed));
            within_bounds(bucket, &groups);
            assert!(passed <= groups.len() * largest);
            more += passed - groups.len();
        }
        assert!(more > 0, "none of them overlapped");
    }
}
