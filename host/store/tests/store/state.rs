//! Durable state: acknowledged is durable, damage is an error.

use crate::support::*;
use selvedge_store::{OpenError, StateChange, Store};

#[tokio::test]
async fn acknowledged_state_is_in_a_copy_made_at_that_instant() {
    let (dir, crash) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    for n in 0..20_u32 {
        store
            .state()
            .put("kv", &n.to_be_bytes(), format!("value {n}").as_bytes())
            .await
            .unwrap();
    }
    store
        .state()
        .delete("kv", &3_u32.to_be_bytes())
        .await
        .unwrap();
    snapshot(dir.path(), crash.path());
    let copy = open(crash.path());
    for n in 0..20_u32 {
        let value = copy.state().get("kv", &n.to_be_bytes()).await.unwrap();
        let expected = (n != 3).then(|| format!("value {n}").into_bytes());
        assert_eq!(value, expected);
    }
}

#[tokio::test]
async fn tables_are_apart_and_scans_go_in_order_from_after_within_the_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let put = |table: &str, key: &str| StateChange::Put {
        table: table.into(),
        key: key.into(),
        value: format!("{table}/{key}").into(),
    };
    let changes = vec![
        put("a", "x2"),
        put("a", "x1"),
        put("a", "x3"),
        put("a", "y"),
        put("b", "x1"),
    ];
    store.state().apply(changes).await.unwrap();
    let keys = async |prefix: &[u8], after: Option<&[u8]>, limit| {
        let pairs = store.state().scan("a", prefix, after, limit).await.unwrap();
        pairs
            .into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(b"x", None, 10).await, ["x1", "x2", "x3"]);
    assert_eq!(keys(b"", None, 10).await, ["x1", "x2", "x3", "y"]);
    assert_eq!(keys(b"x", Some(b"x1"), 1).await, ["x2"]);
    assert_eq!(keys(b"x", Some(b"x3"), 10).await, [""; 0]);
    assert_eq!(
        store.state().get("b", b"x1").await.unwrap().unwrap(),
        b"b/x1"
    );
    assert!(store.state().get("b", b"y").await.unwrap().is_none());
}

#[tokio::test]
async fn damaged_state_is_refused_and_never_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.state().put("kv", b"a", b"b").await.unwrap();
    drop(store);
    let path = dir.path().join("state.redb");
    let damaged = vec![0x5a; std::fs::metadata(&path).unwrap().len() as usize];
    std::fs::write(&path, &damaged).unwrap();
    let error = Store::open(config(dir.path())).err().expect("refused");
    assert!(matches!(error, OpenError::State { .. }), "{error}");
    assert!(error.to_string().contains("state.redb"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
}
