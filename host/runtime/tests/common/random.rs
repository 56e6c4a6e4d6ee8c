//! Plugin files that nobody wrote: the contract's imports and exports, and random code between them. A file is run or refused;
//! neither harms who does it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use selvedge_runtime::{Limits, Plugin, PluginSpec, RequestFacts, Runtime, Transaction};

use super::hostile::sound_error;
use super::made;
use super::numbers::Numbers;

/// Functions of the host as a module sees them.
const IMPORTS: &str = r#"
    (import "selvedge:edge/types@0.1.0" "[resource-drop]request" (func $drop (param i32)))
    (import "selvedge:edge/types@0.1.0" "[method]request.path" (func $path (param i32 i32)))
    (import "selvedge:edge/types@0.1.0" "[method]request.field" (func $field (param i32 i32 i32 i32)))
    (import "selvedge:edge/types@0.1.0" "[method]request.field-names" (func $names (param i32 i32)))
    (import "selvedge:edge/types@0.1.0" "[method]request.elapsed" (func $elapsed (param i32) (result i64)))
    (import "selvedge:edge/config@0.1.0" "get" (func $config (param i32 i32 i32)))
    (import "selvedge:edge/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#;

/// Instructions that leave the stack as it was. `P` is a place in memory, `N` a small number, `W` any number, `R` the request.
const STEPS: [&str; 22] = [
    "(call $path R P)",
    "(call $path N P)",
    "(call $field R P N P)",
    "(call $names R P)",
    "(call $names R W)",
    "(drop (call $elapsed R))",
    "(call $config P N P)",
    "(call $config P W P)",
    "(call $log N P N P N)",
    "(call $log N P W W W)",
    "(call $drop R)",
    "(call $drop N)",
    "(i32.store P W)",
    "(i32.store P P)",
    "(drop (i32.load W))",
    "(memory.fill P N W)",
    "(memory.copy P P N)",
    "(drop (memory.grow N))",
    "(drop (table.grow 0 (ref.null func) W))",
    "(call_indirect (type $code) N)",
    "(drop (i32.div_s W N))",
    "(if (i32.eqz N) (then (unreachable)))",
];

/// A plugin of random code.
pub fn plugin(numbers: &mut Numbers) -> Vec<u8> {
    let decide = code(numbers, 0);
    let (first, second) = (code(numbers, 0), code(numbers, 0));
    let (result, place) = (word("P", numbers), word("P", numbers));
    let module = format!(
        r#"(module {IMPORTS}
            (type $code (func))
            (memory (export "memory") 1 64)
            (table 4 funcref)
            (elem (i32.const 0) $first $second)
            (global $next (mut i32) {place})
            (global $request (mut i32) (i32.const 0))
            (func (export "selvedge:edge/cache-key@0.1.0#decide") (param i32) (result i32)
                (global.set $request (local.get 0))
                {decide}
                {result})
            (func $first {first})
            (func $second {second})
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3)))))"#
    );
    made::of_contract(wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}: {module}")))
}

/// Some steps, now and then with others in a loop.
fn code(numbers: &mut Numbers, depth: u32) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(12) {
        if depth < 3 && numbers.below(6) == 0 {
            let inner = code(numbers, depth + 1);
            let again = word("W", numbers);
            let _ = write!(
                text,
                "(loop {inner} (br_if 0 (i32.and {again} (i32.load (i32.const 0)))))"
            );
        } else {
            for part in STEPS[numbers.below(STEPS.len())].split_inclusive(' ') {
                let (name, end) = match part.trim_end().trim_end_matches(')') {
                    name @ ("P" | "N" | "W" | "R") => (name, &part[name.len()..]),
                    _ => ("", part),
                };
                text += &word(name, numbers);
                text += end;
            }
        }
    }
    text
}

fn word(name: &str, numbers: &mut Numbers) -> String {
    match name {
        // A little beyond the end of a memory of one page, now and then.
        "P" => format!("(i32.const {})", numbers.below(66_000)),
        "N" => format!("(i32.const {})", numbers.below(9)),
        "W" => format!("(i32.const {})", numbers.next() as i32),
        "R" => "(global.get $request)".to_owned(),
        _ => String::new(),
    }
}

/// The outcome of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Refused,
    Failed,
    Decided,
}

/// Loads a file with these bytes, and asks it if it is a plugin.
pub async fn outcome(runtime: &Arc<Runtime>, bytes: &[u8], request: &Arc<RequestFacts>) -> Outcome {
    let (_folder, file) = made::file(bytes);
    let limits = Limits {
        cpu: Duration::from_millis(5),
        wall: Duration::from_secs(2),
        memory: 64 << 20,
        host_calls: 200,
        ..Limits::default()
    };
    let spec = PluginSpec {
        limits,
        ..PluginSpec::new("made", "d1", &file)
    };
    let plugin = match runtime.load(&spec) {
        Ok(plugin) => plugin,
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() < 16 << 10, "{} bytes", said.len());
            return Outcome::Refused;
        }
    };
    ask(&plugin, request).await
}

async fn ask(plugin: &Arc<Plugin>, request: &Arc<RequestFacts>) -> Outcome {
    let mut outcome = Outcome::Failed;
    for _ in 0..2 {
        let mut transaction = Transaction::new();
        match transaction.cache_key(plugin, request).await.decision {
            Ok(_) => outcome = Outcome::Decided,
            Err(error) => sound_error(&error),
        }
    }
    outcome
}
