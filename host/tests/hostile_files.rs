//! Plugin files that are made to hurt whoever loads them. Each is refused, in bounded time and memory, by a message that
//! names the file and what it went beyond; the process that loads them stays well.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use selvedge_runtime::{
    ChildCompiler, CompileLimit, CompileLimits, Compiler, LoadError, Options, PluginSpec, Runtime,
};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasm_encoder::{
    CodeSection, Component, ComponentExportSection, Function, FunctionSection, Instruction, Module,
    ModuleSection, NestedComponentSection, TypeSection, ValType,
};

/// Small, so that the tests are quick.
const LIMITS: CompileLimits = CompileLimits {
    memory: 512 << 20,
    cpu: Duration::from_secs(4),
    wall: Duration::from_secs(60),
    code: 64 << 20,
};

/// A runtime that has files compiled as `selvedge run` has.
fn runtime(limits: CompileLimits) -> Arc<Runtime> {
    let child = ChildCompiler {
        program: PathBuf::from(env!("CARGO_BIN_EXE_selvedge")),
        limits,
        ..ChildCompiler::this_program(["compile-plugin"])
    };
    Runtime::new(Options {
        max_instances: 8,
        compiler: Compiler::Child(child),
        ..Options::default()
    })
    .expect("the runtime starts")
}

/// Loads a file with this content, which must be refused within the limits' time.
fn refused(limits: &CompileLimits, content: &[u8]) -> LoadError {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, content).unwrap();
    let runtime = runtime(limits.clone());
    let started = Instant::now();
    let error = runtime
        .load(&PluginSpec::new("hostile", "d1", &file))
        .expect_err("it is refused");
    assert!(started.elapsed() < limits.wall, "{:?}", started.elapsed());
    let said = error.to_string();
    assert!(said.contains("hostile.wasm"), "{said}");
    assert!(said.len() < 8 << 10, "{} bytes of message", said.len());
    error
}

/// The limit that was exceeded.
fn limit(limits: &CompileLimits, content: &[u8]) -> CompileLimit {
    match refused(limits, content) {
        LoadError::CompileLimit { limit, .. } => limit,
        other => panic!("no limit: {other}"),
    }
}

/// A component around a module, without imports and exports.
fn around(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}

/// A module with this many functions of this kind.
fn functions(count: u32, body: impl Fn(&mut Function)) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64], [ValType::I64]);
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for _ in 0..count {
        declared.function(0);
        let mut function = Function::new([]);
        body(&mut function);
        function.instruction(&Instruction::End);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}

/// Arithmetic that cannot be folded, `length` steps of it.
fn long(function: &mut Function, length: u32) {
    function.instruction(&Instruction::LocalGet(0));
    for step in 0..length {
        function
            .instruction(&Instruction::I64Const(i64::from(step) * 7919 + 1))
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::I64Rotl);
    }
}

/// Components in components, each with ten instances of the next: `10^depth` instances of a module in some hundred bytes.
fn exponential(depth: u32) -> Vec<u8> {
    let mut text =
        "(core module $m (func (export \"f\"))) (core instance (instantiate $m))".to_owned();
    for _ in 0..depth {
        let mut outer = format!("(component $c {text})");
        for _ in 0..10 {
            outer.push_str("(instance (instantiate $c))");
        }
        text = outer;
    }
    wat::parse_str(format!("(component {text})")).unwrap()
}

#[test]
fn a_file_of_a_few_hundred_bytes_cannot_fill_the_memory() {
    let bomb = exponential(9);
    assert!(bomb.len() < 2000, "{} bytes", bomb.len());
    let limit = limit(&LIMITS, &bomb);
    assert!(
        matches!(limit, CompileLimit::Memory(_) | CompileLimit::Cpu(_)),
        "{limit}"
    );
}

#[test]
fn more_memory_than_allowed_is_told_by_its_limit() {
    let limits = CompileLimits {
        memory: 96 << 20,
        cpu: Duration::from_secs(50),
        ..LIMITS
    };
    let large = around(&functions(8, |function| long(function, 300_000)));
    let error = refused(&limits, &large);
    assert!(
        error
            .to_string()
            .contains("compiling it takes more than 96 MiB of memory"),
        "{error}"
    );
}

#[test]
fn more_cpu_time_than_allowed_is_told_by_its_limit() {
    let limits = CompileLimits {
        memory: 4 << 30,
        cpu: Duration::from_secs(1),
        ..LIMITS
    };
    let large = around(&functions(200, |function| long(function, 20_000)));
    let error = refused(&limits, &large);
    assert!(
        error
            .to_string()
            .contains("compiling it takes more than 1 s of CPU time"),
        "{error}"
    );
}

#[test]
fn more_machine_code_than_allowed_is_told_by_its_limit() {
    let limits = CompileLimits {
        code: 100_000,
        ..LIMITS
    };
    let large = around(&functions(1, |function| long(function, 20_000)));
    assert_eq!(limit(&limits, &large), CompileLimit::Code(100_000));
}

#[test]
fn nesting_without_end_is_refused() {
    let mut nested = Component::new();
    for _ in 0..2000 {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&nested));
        nested = outer;
    }
    refused(&LIMITS, &nested.finish());

    // Types in types: a list of a list of a list.
    let mut text = "(type $t0 (list u8))".to_owned();
    for depth in 1..50_000 {
        let _ = write!(text, "(type $t{depth} (list $t{}))", depth - 1);
    }
    let lists = wat::parse_str(format!("(component {text})")).unwrap();
    refused(&LIMITS, &lists);

    // A type that is twice the one before: 2^60 fields.
    let mut text = "(type $t0 (tuple u8 u8))".to_owned();
    for depth in 1..60 {
        let inner = depth - 1;
        let _ = write!(text, "(type $t{depth} (tuple $t{inner} $t{inner}))");
    }
    let wide = wat::parse_str(format!("(component {text} (export \"t\" (type $t59)))")).unwrap();
    refused(&LIMITS, &wide);

    // Blocks in blocks.
    let deep = around(&functions(1, |function| {
        function.instruction(&Instruction::LocalGet(0));
        for _ in 0..1_000_000 {
            function.instruction(&Instruction::Block(wasm_encoder::BlockType::Empty));
        }
        for _ in 0..1_000_000 {
            function.instruction(&Instruction::End);
        }
    }));
    refused(&LIMITS, &deep);
}

#[test]
fn hundreds_of_imports_make_a_short_message() {
    let mut text = String::new();
    for number in 0..900 {
        let _ = write!(
            text,
            "(import \"hostile:package{number}/name@1.0.0\" (instance))"
        );
    }
    let many = wat::parse_str(format!("(component {text})")).unwrap();
    let error = refused(&LIMITS, &many).to_string();
    assert!(error.contains("hostile:package0/name@1.0.0"), "{error}");
    assert!(error.contains("and 888 more"), "{error}");
}

#[test]
fn a_long_name_makes_a_short_message() {
    let name = "n".repeat(90_000);
    let long = wat::parse_str(format!("(component (import \"{name}\" (func)))")).unwrap();
    refused(&LIMITS, &long);
    // And an export of what is not there.
    let mut exports = ComponentExportSection::new();
    exports.export("x", wasm_encoder::ComponentExportKind::Func, 1 << 30, None);
    let mut component = Component::new();
    component.section(&exports);
    refused(&LIMITS, &component.finish());
}

#[test]
fn sections_that_lie_about_their_size_are_refused() {
    for section in 0..=13_u8 {
        for header in [&b"\0asm\x01\0\0\0"[..], b"\0asm\x0d\0\x01\0"] {
            // A section of 4 GiB with 4 billion entries, of which nothing comes.
            let mut content = header.to_vec();
            content.push(section);
            content.extend([0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            refused(&LIMITS, &content);
            // The same count in a section of the right size.
            let mut content = header.to_vec();
            content.extend([section, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            refused(&LIMITS, &content);
        }
    }
}

#[test]
fn the_machine_code_of_a_child_is_as_good_as_ones_own() {
    let component =
        wat::parse_str("(component (component $c) (instance (instantiate $c)))").unwrap();
    let error = refused(&CompileLimits::default(), &component);
    assert!(matches!(error, LoadError::NoHooks { .. }), "{error}");
}
