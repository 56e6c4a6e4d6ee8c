//! The import `cache`: values that plugins of a distribution store for a time, in memory.
//!
//! Tags are those of stored responses: one invalidation concerns both, whoever makes it.

use crate::observe::clock::Clock;
use crate::pipeline::Invalidations;
use crate::pipeline::invalidations::{Sequence, Standing, Wanted};
use bytes::Bytes;
use parking_lot::Mutex;
use selvedge_caching::Time;
use selvedge_runtime::capabilities::{self, Answer};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The most that the values of a distribution may count for, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// The most bytes of a key.
const MAX_KEY: usize = 512;

/// The most bytes of a value.
const MAX_VALUE: usize = 1 << 20;

/// The most tags of a value, and the most bytes of each.
const MAX_TAGS: usize = 32;
const MAX_TAG: usize = 256;

/// Bytes that a value counts for beside its own.
const ENTRY: usize = 128;

/// The values of all distributions. They outlive a reload.
pub(super) struct PluginCaches {
    invalidations: Arc<Invalidations>,
    clock: Arc<Clock>,
    of: Mutex<HashMap<String, Arc<PluginCache>>>,
}

impl PluginCaches {
    pub(super) fn new(invalidations: Arc<Invalidations>, clock: Arc<Clock>) -> PluginCaches {
        PluginCaches {
            invalidations,
            clock,
            of: Mutex::default(),
        }
    }

    pub(super) fn of(&self, distribution: &str) -> Arc<PluginCache> {
        let mut all = self.of.lock();
        let cache = all.entry(distribution.to_owned()).or_insert_with(|| {
            Arc::new(PluginCache {
                distribution: distribution.into(),
                invalidations: self.invalidations.clone(),
                clock: self.clock.clone(),
                values: Mutex::default(),
            })
        });
        cache.clone()
    }

    /// Forgets the values of distributions that are not there any more.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.of
            .lock()
            .retain(|distribution, _| is_there(distribution));
    }
}

/// The values of one distribution.
pub(super) struct PluginCache {
    distribution: Arc<str>,
    invalidations: Arc<Invalidations>,
    clock: Arc<Clock>,
    values: Mutex<Values>,
}

/// Values by key, bounded: the one that was put first gives way.
#[derive(Default)]
struct Values {
    by_key: HashMap<Arc<[u8]>, Value>,
    /// Keys in the order in which they were put, each with the number of its put: a later put leaves an old one behind.
    order: VecDeque<(Arc<[u8]>, u64)>,
    puts: u64,
    bytes: usize,
}

struct Value {
    bytes: Bytes,
    until: Time,
    tags: Vec<String>,
    /// Its sequence number among fetches and invalidations.
    began: Sequence,
    put: u64,
    size: usize,
}

impl Values {
    fn put(&mut self, key: Arc<[u8]>, mut value: Value) {
        self.remove(&key);
        self.puts += 1;
        value.put = self.puts;
        self.bytes += value.size;
        self.order.push_back((key.clone(), value.put));
        self.by_key.insert(key, value);
        while self.bytes > MAX_BYTES || self.order.len() > 2 * self.by_key.len() + 16 {
            let Some((oldest, put)) = self.order.pop_front() else {
                break;
            };
            if self
                .by_key
                .get(&oldest)
                .is_some_and(|value| value.put == put)
            {
                if self.bytes > MAX_BYTES {
                    self.remove(&oldest);
                } else {
                    self.order.push_back((oldest, put));
                }
            }
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(value) = self.by_key.remove(key) {
            self.bytes -= value.size;
        }
    }
}

impl PluginCache {
    fn look_up(&self, key: &[u8]) -> Option<Bytes> {
        self.fresh(&mut self.values.lock(), key)
    }

    /// The value of a key, if it is of use still; otherwise it goes.
    fn fresh(&self, values: &mut Values, key: &[u8]) -> Option<Bytes> {
        let now = self.clock.now();
        let value = values.by_key.get(key)?;
        let valid = || {
            let (began, tags) = (value.began, &value.tags);
            let standing = self
                .invalidations
                .standing(&self.distribution, began, tags, []);
            standing == Standing::Valid
        };
        if now < value.until && valid() {
            return Some(value.bytes.clone());
        }
        values.remove(key);
        None
    }

    fn store(
        &self,
        key: Vec<u8>,
        bytes: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Result<(), String> {
        let value = self.value(&key, bytes, lifetime, &tags)?;
        self.values.lock().put(key.into(), value);
        Ok(())
    }

    /// Stores a value in place of the expected one, or of none; whether it did. The lock is held from one to the other.
    fn store_if(
        &self,
        key: Vec<u8>,
        expected: Option<&[u8]>,
        bytes: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Result<bool, String> {
        let value = self.value(&key, bytes, lifetime, &tags)?;
        let mut values = self.values.lock();
        if self.fresh(&mut values, &key).as_deref() != expected {
            return Ok(false);
        }
        values.put(key.into(), value);
        Ok(true)
    }

    /// A value as it is stored, if it is within bounds.
    fn value(
        &self,
        key: &[u8],
        bytes: Bytes,
        lifetime: u64,
        tags: &[String],
    ) -> Result<Value, String> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(format!(
                "the key has {} bytes: it takes 1 to {MAX_KEY}",
                key.len()
            ));
        }
        if bytes.len() > MAX_VALUE {
            return Err(format!(
                "the value has {} bytes: at most {MAX_VALUE} are allowed",
                bytes.len()
            ));
        }
        if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.len() > MAX_TAG) {
            return Err(format!(
                "at most {MAX_TAGS} tags of {MAX_TAG} bytes each are allowed"
            ));
        }
        let tags: Vec<String> = tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
        let size = key.len() + bytes.len() + tags.iter().map(String::len).sum::<usize>() + ENTRY;
        let until = self
            .clock
            .now()
            .0
            .saturating_add(lifetime.saturating_mul(1000));
        Ok(Value {
            bytes,
            until: Time(until),
            tags,
            began: self.invalidations.now(),
            put: 0,
            size,
        })
    }
}

impl capabilities::Cache for PluginCache {
    fn get(&self, key: &[u8]) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(Ok(self.look_up(key)))
    }

    fn put(
        &self,
        key: Vec<u8>,
        value: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Answer<Result<(), String>> {
        Answer::Now(self.store(key, value, lifetime, tags))
    }

    fn put_if(
        &self,
        key: Vec<u8>,
        expected: Option<Bytes>,
        value: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Answer<Result<bool, String>> {
        Answer::Now(self.store_if(key, expected.as_deref(), value, lifetime, tags))
    }

    fn invalidate(&self, tag: &str) -> Answer<Result<(), String>> {
        let wanted = match Wanted::tag(tag) {
            Ok(wanted) => wanted,
            Err(error) => return Answer::Now(Err(error.to_string())),
        };
        let (invalidations, distribution) = (self.invalidations.clone(), self.distribution.clone());
        let now = self.clock.now();
        // A task of its own: what has begun is not given up when the hook's time is over.
        let done = tokio::spawn(async move {
            let done = invalidations
                .invalidate(&distribution, &[wanted], false, now)
                .await;
            done.map_err(|error| format!("a restart may forget it: {error}"))
        });
        Answer::Later(Box::pin(async move {
            done.await
                .unwrap_or_else(|_| Err("the host is ending".to_owned()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_store::{Config, Store};

    fn cache(clock: &Arc<Clock>) -> Arc<PluginCache> {
        caches(clock).of("main")
    }

    fn caches(clock: &Arc<Clock>) -> PluginCaches {
        let store = Store::open(Config {
            dir: None,
            memory_bytes: 1 << 20,
            disk_bytes: 16 << 20,
            max_object_bytes: 1 << 20,
            max_variants: 10,
        })
        .unwrap();
        let invalidations = Arc::new(Invalidations::open(store.state()).unwrap());
        PluginCaches::new(invalidations, clock.clone())
    }

    #[test]
    fn the_values_of_a_distribution_that_is_gone_go() {
        let clock = Arc::new(Clock::held());
        let caches = caches(&clock);
        put(&caches.of("main"), "a", 3, 60, "t");
        put(&caches.of("other"), "a", 3, 60, "t");
        caches.retain(|distribution| distribution == "main");
        assert!(caches.of("main").look_up(b"a").is_some());
        assert_eq!(caches.of("other").look_up(b"a"), None);
    }

    fn put(cache: &PluginCache, key: &str, bytes: usize, lifetime: u64, tag: &str) {
        let tags = vec![tag.to_owned()];
        cache
            .store(
                key.as_bytes().to_vec(),
                vec![b'x'; bytes].into(),
                lifetime,
                tags,
            )
            .unwrap();
    }

    #[test]
    fn a_value_is_there_for_its_lifetime() {
        let clock = Arc::new(Clock::held());
        let cache = cache(&clock);
        put(&cache, "a", 3, 60, "t");
        assert_eq!(cache.look_up(b"a").as_deref(), Some(&b"xxx"[..]));
        clock.advance(59_999).unwrap();
        assert!(cache.look_up(b"a").is_some());
        clock.advance(1).unwrap();
        assert_eq!(cache.look_up(b"a"), None);
        assert_eq!(cache.values.lock().bytes, 0);
    }

    /// Puts a number in place of another.
    fn swap(cache: &PluginCache, expected: Option<&[u8]>, value: &'static [u8]) -> bool {
        cache
            .store_if(b"a".to_vec(), expected, value.into(), 60, Vec::new())
            .unwrap()
    }

    #[test]
    fn a_value_is_put_in_place_of_the_expected_one_only() {
        let clock = Arc::new(Clock::held());
        let cache = cache(&clock);
        assert!(!swap(&cache, Some(b"1"), b"2"), "nothing is stored");
        assert!(swap(&cache, None, b"1"));
        assert!(!swap(&cache, None, b"2"), "something is stored");
        assert!(!swap(&cache, Some(b"0"), b"2"));
        assert_eq!(cache.look_up(b"a").as_deref(), Some(&b"1"[..]));
        assert!(swap(&cache, Some(b"1"), b"2"));
        assert_eq!(cache.look_up(b"a").as_deref(), Some(&b"2"[..]));
        clock.advance(60_000).unwrap();
        assert!(!swap(&cache, Some(b"2"), b"3"), "its time is over");
        assert!(swap(&cache, None, b"3"));
        assert!(
            cache
                .store_if(Vec::new(), None, Bytes::new(), 1, Vec::new())
                .is_err()
        );
    }

    #[test]
    fn what_threads_count_at_the_same_time_is_not_lost() {
        let clock = Arc::new(Clock::held());
        let cache = cache(&clock);
        let count = || loop {
            let stored = cache.look_up(b"n");
            let counted = stored.as_deref().map_or(0, |bytes| {
                u32::from_be_bytes(bytes.try_into().expect("four bytes"))
            });
            let next = Bytes::copy_from_slice(&(counted + 1).to_be_bytes());
            let put = cache.store_if(b"n".to_vec(), stored.as_deref(), next, 60, Vec::new());
            if put.unwrap() {
                break;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..2000).for_each(|_| count()));
            }
        });
        let counted = cache.look_up(b"n").unwrap();
        assert_eq!(counted[..], 16_000_u32.to_be_bytes());
    }

    #[tokio::test]
    async fn an_invalidated_tag_takes_its_values_along() {
        let clock = Arc::new(Clock::held());
        let cache = cache(&clock);
        put(&cache, "a", 3, 60, "Product-1");
        put(&cache, "b", 3, 60, "product-2");
        let Answer::Later(done) = capabilities::Cache::invalidate(&*cache, "product-1") else {
            panic!("it waits for the disk");
        };
        done.await.unwrap();
        assert_eq!(cache.look_up(b"a"), None);
        assert!(cache.look_up(b"b").is_some());
        put(&cache, "a", 3, 60, "product-1");
        assert!(cache.look_up(b"a").is_some(), "put after the invalidation");
    }

    #[test]
    fn values_are_bounded_and_the_oldest_give_way() {
        let clock = Arc::new(Clock::held());
        let cache = cache(&clock);
        for n in 0..40 {
            put(&cache, &n.to_string(), MAX_VALUE, 60, "t");
        }
        assert!(cache.values.lock().bytes <= MAX_BYTES);
        assert!(cache.look_up(b"39").is_some());
        assert_eq!(cache.look_up(b"0"), None);
        for _ in 0..1000 {
            put(&cache, "again", 1, 60, "t");
        }
        let values = cache.values.lock();
        assert!(values.order.len() <= 2 * values.by_key.len() + 17);
        drop(values);
        assert!(
            cache.look_up(b"39").is_some(),
            "putting one key often removes no other"
        );
        assert!(
            cache
                .store(Vec::new(), Bytes::new(), 1, Vec::new())
                .is_err()
        );
        assert!(
            cache
                .store(vec![1], vec![0; MAX_VALUE + 1].into(), 1, Vec::new())
                .is_err()
        );
    }
}
