//! The store's interface: storing, finding, replacing, removing, listing; memory, disk and restart.

use crate::support::*;
use bytes::Bytes;
use selvedge_store::{Config, Found, OpenError, Store};

#[tokio::test]
async fn a_finished_fill_is_found_in_memory_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_known(dir.path()).await;
    let content = body(1, 5 * KIB);
    let entry = put(&store, key(1), head("\"a\""), &content).await.unwrap();
    assert_eq!(entry.variants()[0].bytes().unwrap(), content);
    assert_eq!(entry.variants()[0].notes, Bytes::from_static(b"notes"));
    let Found::Memory(found) = store.look_up(&key(1)) else {
        panic!("not in memory")
    };
    assert_eq!(found.variants()[0].bytes().unwrap(), content);
    assert_eq!(etag(&found), "\"a\"");
    assert!(
        matches!(store.look_up(&key(2)), Found::Absent),
        "known without asking the disk"
    );
    assert!(store.load(&key(2)).await.is_none());
}

#[tokio::test]
async fn what_was_stored_before_a_restart_is_served_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = [
        0,
        1,
        700,
        64 * KIB - 1,
        64 * KIB,
        64 * KIB + 1,
        MIB,
        MIB + 1,
        3 * MIB + 77,
    ];
    {
        let store = open(dir.path());
        for (n, length) in lengths.iter().enumerate() {
            let n = n as u64;
            put(&store, key(n), head(&format!("\"{n}\"")), &body(n, *length))
                .await
                .unwrap();
        }
    }
    let store = open(dir.path());
    for (n, length) in lengths.iter().enumerate() {
        let n = n as u64;
        assert!(matches!(store.look_up(&key(n)), Found::OnDisk));
        let entry = find(&store, &key(n)).await.unwrap();
        assert_eq!(etag(&entry), format!("\"{n}\""));
        assert_eq!(entry.variants()[0].length(), *length);
        assert_eq!(entry.variants()[0].notes, Bytes::from_static(b"notes"));
        assert_eq!(
            read(entry.variants()[0].reader(None)).await.unwrap(),
            body(n, *length)
        );
    }
    assert!(matches!(store.look_up(&key(0)), Found::Memory(_)));
}

#[tokio::test]
async fn ranges_are_cut_from_memory_and_from_disk_alike() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (n, length) in [(1, 300 * KIB), (2, 5 * MIB)] {
        let content = body(n, length);
        let entry = put(&store, key(n), head("\"r\""), &content).await.unwrap();
        let variant = &entry.variants()[0];
        let last = length - 1;
        let ranges = [
            (0, 0),
            (1, 10),
            (65_535, 65_536),
            (65_536, 200_000),
            (last, last),
            (last - 9, last + 10),
            (100, 100 + 260 * KIB),
        ];
        for (first, to) in ranges {
            let expected = content.slice(first as usize..=to.min(last) as usize);
            let reader = variant.reader(Some((first, to)));
            assert_eq!(reader.length(), Some(expected.len() as u64));
            assert_eq!(
                read(reader).await.unwrap(),
                expected,
                "{first}..={to} of {length}"
            );
            let reader = variant.reader(None).range(first, to);
            assert_eq!(
                read(reader).await.unwrap(),
                expected,
                "{first}..={to} of {length}"
            );
        }
        assert_eq!(
            read(variant.reader(Some((length, length + 5))))
                .await
                .unwrap(),
            Bytes::new()
        );
    }
}

#[tokio::test]
async fn a_response_replaces_the_variant_that_answers_the_same_requests() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(
        &store,
        key(1),
        head_for_language("\"en1\"", "en"),
        &body(1, 100),
    )
    .await
    .unwrap();
    put(
        &store,
        key(1),
        head_for_language("\"de\"", "de"),
        &body(2, 100),
    )
    .await
    .unwrap();
    let entry = put(
        &store,
        key(1),
        head_for_language("\"en2\"", "en"),
        &body(3, 100),
    )
    .await
    .unwrap();
    assert_eq!(entry.variants().len(), 2);
    drop((entry, store));
    let store = open(dir.path());
    let entry = find(&store, &key(1)).await.unwrap();
    assert_eq!(entry.variants().len(), 2);
    assert_eq!(etag(&entry), "\"en2\"");
    assert_eq!(entry.variants()[0].bytes().unwrap(), body(3, 100));
    assert_eq!(entry.variants()[1].bytes().unwrap(), body(2, 100));
}

#[tokio::test]
async fn the_oldest_variant_goes_when_there_are_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..6 {
        let head = head_for_language(&format!("\"{n}\""), &n.to_string());
        put(&store, key(1), head, &body(n, 100)).await.unwrap();
    }
    let check = |entry: &selvedge_store::Entry| {
        let etags: Vec<_> = entry.heads().map(|h| h.fields["etag"].clone()).collect();
        assert_eq!(etags, ["\"5\"", "\"4\"", "\"3\"", "\"2\""]);
    };
    check(&find(&store, &key(1)).await.unwrap());
    drop(store);
    check(&find(&open(dir.path()), &key(1)).await.unwrap());
}

#[tokio::test]
async fn notes_can_be_replaced_with_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let content = body(1, 2_000);
    {
        let store = open(dir.path());
        let entry = put(&store, key(1), head("\"old\""), &content)
            .await
            .unwrap();
        let id = entry.variants()[0].id;
        let notes = Bytes::from_static(b"new notes");
        store
            .update_head_and_notes(&key(1), id, head("\"new\""), notes)
            .await;
        assert_eq!(
            find(&store, &key(1)).await.unwrap().variants()[0].notes,
            "new notes"
        );
    }
    let store = open(dir.path());
    let entry = find(&store, &key(1)).await.unwrap();
    assert_eq!(etag(&entry), "\"new\"");
    assert_eq!(entry.variants()[0].notes, "new notes");
    assert_eq!(
        read(entry.variants()[0].reader(None)).await.unwrap(),
        content
    );
}

#[tokio::test]
async fn a_freshened_head_survives_a_restart_and_keeps_the_body() {
    let dir = tempfile::tempdir().unwrap();
    let contents = [body(1, 2_000), body(2, 2 * MIB)];
    {
        let store = open(dir.path());
        for (n, content) in contents.iter().enumerate() {
            let entry = put(&store, key(n as u64), head("\"old\""), content)
                .await
                .unwrap();
            store
                .update_head(&key(n as u64), entry.variants()[0].id, head("\"new\""))
                .await;
            assert_eq!(
                etag(&find(&store, &key(n as u64)).await.unwrap()),
                "\"new\""
            );
            store
                .update_head(&key(n as u64), 999_999, head("\"never\""))
                .await;
        }
    }
    let store = open(dir.path());
    for (n, content) in contents.iter().enumerate() {
        let entry = find(&store, &key(n as u64)).await.unwrap();
        assert_eq!(etag(&entry), "\"new\"");
        assert_eq!(entry.variants()[0].notes, Bytes::from_static(b"notes"));
        assert_eq!(
            read(entry.variants()[0].reader(None)).await.unwrap(),
            *content
        );
    }
}

#[tokio::test]
async fn what_was_removed_is_gone_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, key(1), head("\"a\""), &body(1, 100))
        .await
        .unwrap();
    put(&store, key(2), head("\"b\""), &body(2, 2 * MIB))
        .await
        .unwrap();
    let first = put(
        &store,
        key(3),
        head_for_language("\"c\"", "en"),
        &body(3, 100),
    )
    .await
    .unwrap();
    put(
        &store,
        key(3),
        head_for_language("\"d\"", "de"),
        &body(4, 100),
    )
    .await
    .unwrap();
    store.flush().await;
    store.remove(&key(1), None).await;
    store.remove(&key(2), None).await;
    store.remove(&key(3), Some(first.variants()[0].id)).await;
    let gone = async |store: &Store| {
        assert!(find(store, &key(1)).await.is_none());
        assert!(find(store, &key(2)).await.is_none());
        let entry = find(store, &key(3)).await.unwrap();
        assert_eq!(
            (entry.variants().len(), etag(&entry)),
            (1, "\"d\"".to_owned())
        );
    };
    gone(&store).await;
    store.flush().await;
    gone(&store).await;
    assert!(
        files(dir.path(), "large").is_empty(),
        "the large file of a removed response is gone"
    );
    drop((store, first));
    gone(&open(dir.path())).await;
}

#[tokio::test]
async fn a_second_opener_is_kept_out_and_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = Store::open(config(dir.path())).err().expect("refused");
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
    drop(store);
    open(dir.path());
}

#[tokio::test]
async fn a_folder_of_another_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::write(dir.path().join("format"), "selvedge-store 99\n").unwrap();
    let error = Store::open(config(dir.path())).err().expect("refused");
    assert!(
        matches!(&error, OpenError::UnknownFormat { found, .. } if found.contains("99")),
        "{error}"
    );
    assert!(dir.path().join("cache/index.redb").exists());
}

#[tokio::test]
async fn scan_lists_all_keys_in_order_and_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let disk = open(dir.path());
    let memory = Store::open(Config {
        dir: None,
        ..config(dir.path())
    })
    .unwrap();
    for store in [disk, memory] {
        let mut keys: Vec<_> = (0..25).map(key).collect();
        for (n, key) in keys.iter().enumerate() {
            put(&store, *key, head("\"s\""), &body(n as u64, 100))
                .await
                .unwrap();
        }
        keys.sort();
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.scan(after, 10).await;
            assert!(page.len() <= 10);
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            listed.extend(page.iter().map(|(key, _)| *key));
        }
        assert_eq!(listed, keys);
    }
}

#[tokio::test]
async fn a_store_without_a_folder_keeps_everything_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Config {
        dir: None,
        ..config(dir.path())
    })
    .unwrap();
    let content = body(1, 3 * MIB / 2);
    put(&store, key(1), head("\"m\""), &content).await.unwrap();
    assert_same(
        &body_of(&store, &key(1)).await.unwrap().unwrap(),
        &content,
        "body",
    );
    store.state().put("t", b"k", b"v").await.unwrap();
    assert_eq!(store.state().get("t", b"k").await.unwrap().unwrap(), b"v");
    store.remove(&key(1), None).await;
    assert!(matches!(store.look_up(&key(1)), Found::Absent));
    store.flush().await;
}
