//! `init` once for all instances, of plugins written as text: what can be copied is copied to the last byte, and what cannot
//! be is left alone.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::numbers::Numbers;
use common::{ask, made, runtime, spec};
use selvedge_runtime::{Limits, NoSnapshot, Plugin, PluginSpec};

/// A plugin with an `init` that runs these instructions, and a hook that runs others; `parts` are further ones of its module.
fn loaded(parts: &str, init: &str, hook: &str) -> (tempfile::TempDir, Arc<Plugin>, Arc<Plugin>) {
    let around = format!(
        r#"(func (export "selvedge:edge/lifecycle@0.1.0#init") (result i32)
            {init}
            (i32.store8 (i32.const 512) (i32.const 0))
            (i32.const 512))
        {parts}"#
    );
    let module = made::module_with(2, &around, hook);
    let with_init = "export selvedge:edge/lifecycle@0.1.0;";
    let (folder, file) = made::file(&made::exporting(module, with_init));
    let plugin = || {
        runtime()
            .load(&patient(file.clone()))
            .unwrap_or_else(|error| panic!("{parts} {init}: {error}"))
    };
    let (one, other) = (plugin(), plugin());
    (folder, one, other)
}

fn patient(file: PathBuf) -> PluginSpec {
    PluginSpec {
        remember: false,
        limits: Limits {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        file,
        ..spec()
    }
}

#[tokio::test]
async fn what_cannot_be_copied_is_left_as_it_is() {
    let table = "(table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))";
    for (parts, expected) in [
        ("(global (mut i64) (i64.const -1))", None),
        (table, Some("table.grow")),
        (r#"(data $d "x") (func (data.drop $d))"#, Some("data.drop")),
        ("(global (mut v128) (v128.const i64x2 0 0))", Some("v128")),
        (
            "(global (mut funcref) (ref.null func))",
            Some("reference type"),
        ),
    ] {
        let parts = format!("{parts} (global $ran (mut i32) (i32.const 0))");
        let (_folder, _, plugin) = loaded(
            &parts,
            "(global.set $ran (i32.add (global.get $ran) (i32.const 1)))",
            "(if (i32.ne (global.get $ran) (i32.const 1)) (then unreachable))",
        );
        match (plugin.snapshot_now(), expected) {
            (Ok(()), None) => {}
            (Err(NoSnapshot::Failed(why)), Some(part)) if why.contains(part) => {}
            (other, _) => panic!("{parts}: {other:?}"),
        }
        for _ in 0..2 {
            let decision = ask(&plugin, "/").await.decision;
            assert!(decision.is_ok(), "{parts}: {decision:?}");
        }
    }
}

/// Globals of each kind, a table, a passive segment and an active one, and what tells them.
const PARTS: &str = r#"
    (global $a (mut i32) (i32.const 1)) (global $b (mut i64) (i64.const 2))
    (global $c (mut f32) (f32.const 3)) (global $d (mut f64) (f64.const 4))
    (global $fixed i32 (i32.const 70000))
    (table 2 funcref) (elem (i32.const 0) $first $second)
    (data $passive "passive words") (data (i32.const 2000) "active words")
    (func $first (global.set $b (i64.add (global.get $b) (i64.const 3))))
    (func $second (i32.store (global.get $fixed) (i32.add (global.get $a) (i32.const 9))))
    (func $sum (result i64)
        (local $at i32) (local $sum i64)
        (local.set $sum (i64.add (i64.extend_i32_u (global.get $a)) (global.get $b)))
        (local.set $sum (i64.rotl (local.get $sum) (i64.const 7)))
        (local.set $sum (i64.xor (local.get $sum) (i64.extend_i32_u (i32.reinterpret_f32 (global.get $c)))))
        (local.set $sum (i64.rotl (local.get $sum) (i64.const 7)))
        (local.set $sum (i64.xor (local.get $sum) (i64.reinterpret_f64 (global.get $d))))
        (loop
            (local.set $sum (i64.mul
                (i64.xor (local.get $sum) (i64.load (local.get $at)))
                (i64.const 0x100000001b3)))
            (local.set $sum (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 29))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
        (local.get $sum))
    (func $tell
        (local $at i32) (local $sum i64)
        (local.set $sum (call $sum))
        (loop
            (i32.store8 offset=128 (local.get $at)
                (i32.add (i32.const 97) (i32.and (i32.wrap_i64 (local.get $sum)) (i32.const 15))))
            (local.set $sum (i64.shr_u (local.get $sum) (i64.const 4)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 16))))
        (i64.store (i32.const 64) (i64.const 1))
        (i32.store (i32.const 68) (i32.const 128))
        (i32.store (i32.const 72) (i32.const 16)))"#;

/// Instructions that leave the stack as it was, and change what an instance is. `P` is a place in memory, `N` a small number,
/// `W` any number.
const STEPS: [&str; 12] = [
    "(i32.store P W)",
    "(i64.store8 P (i64.extend_i32_s W))",
    "(memory.fill P N N)",
    "(memory.copy P P N)",
    "(memory.init $passive P N N)",
    "(drop (memory.grow N))",
    "(global.set $a W)",
    "(global.set $b (i64.extend_i32_u W))",
    "(global.set $c (f32.reinterpret_i32 W))",
    "(global.set $d (f64.promote_f32 (f32.reinterpret_i32 W)))",
    "(call_indirect (i32.const 0))",
    "(call_indirect (i32.const 1))",
];

fn code(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(40) {
        for part in STEPS[numbers.below(STEPS.len())].split_inclusive(' ') {
            let name = part.trim_end().trim_end_matches(')');
            let end = &part[name.len().min(1)..];
            let number = match name {
                "P" => numbers.below(131_000) as i32,
                "N" => numbers.below(4) as i32,
                "W" => numbers.next() as i32,
                _ => {
                    text += part;
                    continue;
                }
            };
            let _ = write!(text, "(i32.const {number}){end}");
        }
    }
    text
}

#[tokio::test]
async fn whatever_init_does_to_its_memory_is_found_by_the_hook() {
    let mut numbers = Numbers(11);
    let mut different = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let init = code(&mut numbers);
        // Returns by itself, before what else the hook would do.
        let tell = "(call $tell) (return (i32.const 64))";
        let (_folder, without, with) = loaded(PARTS, &init, tell);
        with.snapshot_now()
            .unwrap_or_else(|error| panic!("{init}: {error}"));
        for _ in 0..2 {
            let [expected, said] = [&without, &with].map(|plugin| ask(plugin, "/"));
            let expected = expected.await.decision.unwrap_err().to_string();
            let said = said.await.decision.unwrap_err().to_string();
            assert_eq!(said, expected, "{init}");
            different.insert(said);
        }
    }
    assert!(different.len() > 25, "{different:?}");
}
