//! Changes, listings and loads of key-value data.

use super::*;
use selvedge_store::{Config, Store};

fn store(dir: Option<&std::path::Path>) -> Store {
    Store::open(Config {
        dir: dir.map(Into::into),
        memory_bytes: 1 << 20,
        disk_bytes: 16 << 20,
        max_object_bytes: 1 << 20,
        max_variants: 10,
    })
    .unwrap()
}

fn put(key: &str, value: &str) -> Change {
    (key.to_owned(), Some(Bytes::from(value.to_owned())))
}

/// A value that notes whether hooks could read while it was given back.
struct Watched(Arc<Values>, Arc<std::sync::atomic::AtomicBool>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        b"old"
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let is_free = self.0.0.try_read().is_some();
        self.1.store(is_free, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn what_a_change_replaces_is_given_back_while_hooks_can_read() {
    let values = Arc::new(Values::default());
    for new in [None, Some(Bytes::from_static(b"new"))] {
        let was_free = Arc::default();
        let old = Bytes::from_owner(Watched(values.clone(), Arc::clone(&was_free)));
        values.change([("a".to_owned(), Some(old))].into());
        values.change([("a".to_owned(), new.clone())].into());
        assert_eq!(values.get("a"), Ok(new));
        assert!(was_free.load(std::sync::atomic::Ordering::SeqCst));
    }
}

fn text(kv: &Kv, key: &str) -> Option<String> {
    kv.get("shop", key)
        .expect("whole")
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
}

#[tokio::test]
async fn changes_are_made_whole_or_not_at_all() {
    let store = store(None);
    let kv = Kv::open(store.state()).unwrap();
    let shop: Arc<str> = "shop".into();
    let change = async |changes, replace, limit| kv.change(&shop, changes, replace, limit).await;
    let usage = change(vec![put("a", "1"), put("b", "22")], false, 1000).await;
    assert_eq!(
        usage.unwrap(),
        Usage {
            keys: 2,
            bytes: 5 + 2 * ENTRY
        }
    );
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    let too_long = change(vec![put("a", "2"), put(&long, "")], false, 1000).await;
    assert!(matches!(too_long, Err(KvError::Key { bytes: 513, .. })));
    let full = change(vec![put("a", "2"), put("c", "")], false, 150).await;
    assert!(matches!(full, Err(KvError::Full { limit: 150, .. })));
    assert_eq!(text(&kv, "a").as_deref(), Some("1"));
    let replaced = change(vec![put("c", "3")], true, 100).await.unwrap();
    assert_eq!(replaced.keys, 1);
    assert_eq!(
        (text(&kv, "a"), text(&kv, "c")),
        (None, Some("3".to_owned()))
    );
}

#[tokio::test]
async fn what_makes_it_smaller_is_allowed_although_it_is_too_large() {
    let store = store(None);
    let kv = Kv::open(store.state()).unwrap();
    let shop: Arc<str> = "shop".into();
    kv.change(&shop, vec![put("a", "1"), put("b", "2")], false, 1000)
        .await
        .unwrap();
    let removed = kv
        .change(&shop, vec![("a".to_owned(), None)], false, 10)
        .await;
    assert_eq!(removed.unwrap().keys, 1);
    assert!(
        kv.change(&shop, vec![put("b", "22")], false, 10)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_was_set_is_there_again_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = store(Some(dir.path()));
        let kv = Kv::open(store.state()).unwrap();
        let many = (0..600).map(|n| put(&format!("k{n}"), "v"));
        kv.change(&"shop".into(), many.collect(), false, 1 << 20)
            .await
            .unwrap();
        kv.change(
            &"shop".into(),
            vec![("k7".to_owned(), None)],
            false,
            1 << 20,
        )
        .await
        .unwrap();
    }
    let store = store(Some(dir.path()));
    let kv = Kv::open(store.state()).unwrap();
    assert_eq!(kv.usage("shop").keys, 599);
    assert_eq!((text(&kv, "k7"), kv.get("other", "k1")), (None, Ok(None)));
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let store = store(None);
    let kv = Kv::open(store.state()).unwrap();
    let keys = ["a", "b1", "b2", "b3", "c"].map(|key| put(key, "v"));
    kv.change(&"shop".into(), keys.into(), false, 10_000)
        .await
        .unwrap();
    let page = |after| {
        let page = kv.keys("shop", "b", after, 2);
        let names: Vec<String> = page.keys.iter().map(|(key, _)| key.to_string()).collect();
        (names.join(","), page.more)
    };
    assert_eq!(page(None), ("b1,b2".to_owned(), true));
    assert_eq!(page(Some("b2")), ("b3".to_owned(), false));
    assert_eq!(page(Some("c")), (String::new(), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::await_holding_lock, reason = "a hook that reads all the time")]
async fn a_load_waits_for_no_hook_of_another_distribution() {
    let store = store(None);
    let kv = Kv::open(store.state()).unwrap();
    let of_blog = kv.values_of("blog");
    let reading = of_blog.0.read();
    let changes = vec![put("a", "1")];
    let shop: Arc<str> = "shop".into();
    let load = kv.change(&shop, changes, false, 1000);
    let loaded = tokio::time::timeout(std::time::Duration::from_secs(20), load).await;
    drop(reading);
    assert_eq!(loaded.unwrap().unwrap().keys, 1);
}

#[tokio::test]
async fn a_large_load_is_made_beside_the_table_that_hooks_read() {
    let store = store(None);
    let kv = Kv::open(store.state()).unwrap();
    let shop: Arc<str> = "shop".into();
    let of_plugin = kv.values_of("shop");
    let load = async |value: &str, keys: usize| {
        let keys = (0..keys).map(|n| put(&format!("k{n}"), value));
        kv.change(&shop, keys.collect(), true, 1 << 20)
            .await
            .unwrap()
    };
    load("before", MAX_IN_PLACE + 1).await;
    let before = Arc::as_ptr(&of_plugin.0.read());
    load("after", MAX_IN_PLACE + 2).await;
    let after = Arc::as_ptr(&of_plugin.0.read());
    assert_ne!(before, after, "another is in its place");
    assert_eq!(of_plugin.get("k1"), Ok(Some(Bytes::from_static(b"after"))));
    assert_eq!(kv.usage("shop"), of_plugin.0.read().usage());
    // Few keys are changed in place.
    let address = Arc::as_ptr(&of_plugin.0.read());
    kv.change(&shop, vec![put("k1", "new")], false, 1 << 20)
        .await
        .unwrap();
    assert_eq!(Arc::as_ptr(&of_plugin.0.read()), address);
    assert_eq!(text(&kv, "k1").as_deref(), Some("new"));
}
