//! The snapshot of `init` as a host makes it: by a child process within limits. This program is that child too.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::{ask, guest, literal, small, spec};
use selvedge_runtime::{
    ChildCompiler, CompileLimits, Compiler, Limits, NoSnapshot, Options, PluginSpec, Runtime,
    compile_worker,
};

const CHILD: &str = "compile-plugin";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [child, memory, cpu, code] if child == CHILD => {
            let number = |text: &String| text.parse().expect("a limit is a number");
            compile_worker(&CompileLimits {
                memory: number(memory),
                cpu: Duration::from_secs(number(cpu)),
                code: number(code),
                ..CompileLimits::default()
            })
        }
        // It is one test, without a name to choose it by.
        options if options.iter().any(|option| option == "--list") => ExitCode::SUCCESS,
        _ => {
            the_child_makes_what_instances_begin_with();
            ExitCode::SUCCESS
        }
    }
}

fn the_child_makes_what_instances_begin_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = |limits: CompileLimits| {
        let child = ChildCompiler {
            limits,
            ..ChildCompiler::this_program([CHILD])
        };
        let options = Options {
            compiler: Compiler::Child(child),
            cache_dir: Some(folder.path().join("compiled")),
            ..small()
        };
        Runtime::new(options).expect("the runtime starts")
    };
    let spec = PluginSpec {
        file: guest("begun"),
        capabilities: common::capabilities::Recorded::default().capabilities(""),
        config: serde_json::json!({ "init": "config" }),
        // A slow machine hits none of them.
        limits: Limits {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        ..spec()
    };
    let async_runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");

    let plugin = runtime(CompileLimits::default()).load(&spec);
    let plugin = plugin.expect("it is loaded");
    assert_eq!(plugin.snapshot_now(), Ok(()));
    let said = literal(async_runtime.block_on(ask(&plugin, "/")));
    assert!(said.contains(r#"{"init":"config"}"#), "{said}");

    // What is compiled already is loaded; there is no room for more.
    let tight = CompileLimits {
        code: 4096,
        ..CompileLimits::default()
    };
    let plugin = runtime(tight).load(&spec).expect("it is loaded");
    let refused = plugin.snapshot_now();
    assert!(matches!(refused, Err(NoSnapshot::Failed(_))), "{refused:?}");
    let said = literal(async_runtime.block_on(ask(&plugin, "/")));
    assert!(said.contains(r#"{"init":"config"}"#), "{said}");
}
