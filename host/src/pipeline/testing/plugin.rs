//! Plugins with one hook that says the same at each call, written as WebAssembly text.

use std::fmt::Write;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A hook, by its interface in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    ViewerRequest,
    CacheKey,
    OriginRequest,
    OriginResponse,
    Ttl,
    ViewerResponse,
}

/// A decision, or what a hook does in place of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Next,
    /// A response of this status with this content.
    Respond(u16, &'static str),
    /// Past the cache.
    Pass,
    /// Another origin.
    Ask(&'static str),
    DontStore,
    /// A freshness lifetime, in seconds.
    Lifetime(u64),
    /// An error with these words.
    Fails(&'static str),
    /// No answer: the instance traps.
    Traps,
}

/// Where the decision and its content are in the plugin's memory.
const DECISION: u32 = 64;
const TEXT: u32 = 256;

impl At {
    fn interface(self) -> &'static str {
        match self {
            At::ViewerRequest => "viewer-request",
            At::CacheKey => "cache-key",
            At::OriginRequest => "origin-request",
            At::OriginResponse => "origin-response",
            At::Ttl => "ttl",
            At::ViewerResponse => "viewer-response",
        }
    }

    fn function(self) -> &'static str {
        match self {
            At::CacheKey | At::Ttl => "decide",
            _ => "handle",
        }
    }

    fn has_response(self) -> bool {
        matches!(self, At::OriginResponse | At::Ttl | At::ViewerResponse)
    }

    /// Where the payload of the result begins: lifetimes are numbers of eight bytes.
    fn payload(self) -> usize {
        if self == At::Ttl { 8 } else { 4 }
    }
}

/// The result as it lies in memory: `result<decision, string>`.
fn result(at: At, says: Says) -> (Vec<u8>, &'static str) {
    let mut memory = vec![0; 128];
    let put = |memory: &mut Vec<u8>, offset: usize, value: u32| {
        memory[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    };
    let decision = at.payload();
    let payload = decision + at.payload();
    let text = match says {
        Says::Next | Says::Traps => "",
        Says::Respond(status, content) => {
            put(&mut memory, decision, 2);
            put(&mut memory, payload, status.into());
            put(&mut memory, payload + 12, TEXT);
            put(&mut memory, payload + 16, content.len() as u32);
            content
        }
        Says::Pass => {
            put(&mut memory, decision, 3);
            ""
        }
        Says::Ask(id) => {
            put(&mut memory, decision, 5);
            put(&mut memory, payload, TEXT);
            put(&mut memory, payload + 4, id.len() as u32);
            id
        }
        Says::DontStore => {
            put(&mut memory, decision, 2);
            ""
        }
        Says::Lifetime(seconds) => {
            put(&mut memory, decision, 1);
            put(&mut memory, payload, 1);
            put(&mut memory, payload + 8, seconds as u32);
            ""
        }
        Says::Fails(why) => {
            put(&mut memory, 0, 1);
            put(&mut memory, decision, TEXT);
            put(&mut memory, decision + 4, why.len() as u32);
            why
        }
    };
    (memory, text)
}

/// The plugin's file.
pub(crate) fn plugin(at: At, says: Says) -> Vec<u8> {
    let (memory, text) = result(at, says);
    let bytes = memory.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "\\{byte:02x}");
        out
    });
    let (interface, function) = (at.interface(), at.function());
    let (parameters, drop_response) = match at.has_response() {
        true => ("(param i32 i32)", "(call $drop_response (local.get 1))"),
        false => ("(param i32)", ""),
    };
    let import_response = match at.has_response() {
        true => {
            "(import \"selvedge:edge/types@0.1.0\" \"[resource-drop]response\" (func $drop_response (param i32)))"
        }
        false => "",
    };
    let trap = match says {
        Says::Traps => "(unreachable)",
        _ => "",
    };
    let bodies = match at {
        At::OriginResponse => {
            "(func (export \"selvedge:edge/origin-response@0.1.0#[method]transform.push\") (param i32 i32 i32) (result i32) (unreachable))
             (func (export \"selvedge:edge/origin-response@0.1.0#[method]transform.finish\") (param i32) (result i32) (unreachable))
             (func (export \"selvedge:edge/origin-response@0.1.0#[method]producer.next\") (param i32) (result i32) (unreachable))"
        }
        _ => "",
    };
    let module = format!(
        "(module
            (import \"selvedge:edge/types@0.1.0\" \"[resource-drop]request\" (func $drop_request (param i32)))
            {import_response}
            (memory (export \"memory\") 1)
            (data (i32.const {DECISION}) \"{bytes}\")
            (data (i32.const {TEXT}) \"{text}\")
            (func (export \"selvedge:edge/{interface}@0.1.0#{function}\") {parameters} (result i32)
                (call $drop_request (local.get 0))
                {drop_response}
                {trap}
                (i32.const {DECISION}))
            {bodies}
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))"
    );
    of_contract(
        wat::parse_str(module).expect("it is WebAssembly"),
        interface,
    )
}

/// The module with the types of its hook.
fn of_contract(mut module: Vec<u8>, interface: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = include_str!("../../../../sdk/wit/edge.wit");
    let world = format!(
        "package made:plugin;
        world plugin {{
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/{interface}@0.1.0;
        }}"
    );
    resolve
        .push_str("edge.wit", contract)
        .expect("the contract is read");
    let package = resolve
        .push_str("plugin.wit", &world)
        .expect("it uses what the contract has");
    let world = resolve
        .select_world(&[package], Some("plugin"))
        .expect("it is there");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("its types are written");
    module
}
