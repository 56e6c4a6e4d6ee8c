//! Key-value data of distributions: `selvedge kv`, its durability, and its bounds.

use selvedge_tests::*;
use std::ffi::OsString;
use std::fs;

fn kv(edge: &Edge, words: &[&str]) -> Run {
    let command = ["kv", "main"].iter().chain(words).map(OsString::from);
    run(command.chain(["--config".into(), edge.config().into_os_string()]))
}

#[test]
fn keys_are_set_read_listed_and_removed() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    kv(&edge, &["set", "/old", "/new"])
        .code(0)
        .prints("changed 1 key of main; 1 key, 72 of 16777216 bytes");
    kv(&edge, &["set", "b", "zwei\n"]).code(0);
    let read = kv(&edge, &["get", "/old"]).code(0);
    assert_eq!(read.stdout, "/new", "the value as it is");
    kv(&edge, &["list"])
        .code(0)
        .prints("/old  4 bytes\nb  5 bytes\nmain has 2 keys");
    let listed = kv(&edge, &["list", "/"]).code(0).prints("/old");
    assert!(!listed.stdout.contains("b  5"), "{listed:?}");
    kv(&edge, &["delete", "/old", "never-there"]).code(0);
    kv(&edge, &["get", "/old"])
        .code(1)
        .reports("the distribution 'main' has no key '/old'");
    let unknown = ["kv", "shop", "list", "--config"].map(OsString::from);
    run(unknown.into_iter().chain([edge.config().into_os_string()]))
        .code(1)
        .reports("there is no distribution 'shop' here. There is: main");
}

#[test]
fn a_value_of_any_bytes_comes_back_as_it_was() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let file = edge.folder().join("value");
    let path = file.to_str().expect("the folder's name is text").to_owned();
    fs::write(&file, [0xff, 0, b'a', b'\n']).expect("the folder is ours");
    kv(&edge, &["set", "bytes", "--file", &path]).code(0);
    let listed = edge.folder().join("store/admin.sock");
    assert!(listed.exists());
    kv(&edge, &["list"]).prints("bytes  4 bytes");
    fs::write(&file, vec![b'x'; (1 << 20) + 1]).expect("the folder is ours");
    kv(&edge, &["set", "large", "--file", &path])
        .code(2)
        .reports("the value of \"large\" has 1048577 bytes: at most 1048576 are allowed");
    kv(&edge, &["set", &"k".repeat(513), "v"])
        .code(2)
        .reports("has 513 bytes: it takes 1 to 512");
    kv(&edge, &["list"]).prints("main has 1 key");
}

#[test]
fn load_changes_all_keys_of_a_file_or_none() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("kv_size = \"2 KiB\""))
        .start();
    let load = |name: &str, text: &str, more: &[&str]| {
        let file = edge.folder().join(name);
        fs::write(&file, text).expect("the folder is ours");
        let file = file.to_str().expect("the folder's name is text");
        kv(&edge, &[&["load", file], more].concat())
    };
    load("a.toml", "\"/a\" = \"/1\"\n\"/b\" = \"/2\"\nn = 3", &[])
        .code(0)
        .prints("changed 3 keys of main; 3 keys");
    // One change among good ones that can't be made.
    load("b.json", r#"{"/a": "/9", "": "x"}"#, &[])
        .code(2)
        .reports("nothing is changed");
    load("c.json", r#"{"/a": "/9", "/a": "/8"}"#, &[])
        .code(2)
        .reports("the key \"/a\" is there twice");
    load("d.toml", "\"/a\" = \"/9\"\nrest = ", &[]).code(2);
    let large = format!(r#"{{"/a": "/9", "large": "{}"}}"#, "x".repeat(2000));
    load("e.json", &large, &[])
        .code(2)
        .reports("`kv_size` of the distribution allows 2048");
    assert_eq!(kv(&edge, &["get", "/a"]).stdout, "/1");
    assert_eq!(kv(&edge, &["get", "n"]).stdout, "3");
    load("f.json", r#"{"/a": "/5", "/b": null}"#, &[]).code(0);
    kv(&edge, &["list"]).prints("/a  2 bytes\nn  1 bytes\nmain has 2 keys");
    load("g.json", r#"{"only": {"b": [1]}}"#, &["--replace"]).code(0);
    kv(&edge, &["list"]).prints("only  9 bytes\nmain has 1 key");
}

#[test]
fn what_was_set_survives_a_restart_and_being_killed() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    kv(&edge, &["set", "a", "1"]).code(0);
    let mut edge = edge.restart();
    assert_eq!(kv(&edge, &["get", "a"]).stdout, "1");
    kv(&edge, &["set", "a", "2"]).code(0);
    edge.kill();
    let edge = edge.restart();
    assert_eq!(kv(&edge, &["get", "a"]).stdout, "2");
}

#[test]
fn distributions_do_not_see_each_others_keys() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .and(Distribution::new("shop", origin.address()))
        .start();
    kv(&edge, &["set", "a", "1"]).code(0);
    let get = ["kv", "shop", "get", "a", "--config"].map(OsString::from);
    run(get.into_iter().chain([edge.config().into_os_string()])).code(1);
}
