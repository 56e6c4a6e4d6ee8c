//! A component that begins with what another instance of it has in its memory: made by `wasmtime-wizer`, in the child, since it
//! may fail in any way on odd files.
//!
//! Two steps. The first adds exports that tell memories and globals; the host runs such an instance, as any other, and reads
//! them. The second writes what was read in place of what the file begins with. Neither runs the guest.

use std::task::{Context, Poll, Waker};

use wasmparser::{CanonicalFunction, Parser, Payload};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::job::CompileRefusal;
use super::memory::Memory;

/// The export, an instance, whose functions tell memories (`memoryN`) and globals (`globalN`).
pub(crate) const ACCESS: &str = "wasmtime:wizer/access";

/// Adds exports that tell what is in memories and globals.
pub(super) fn readable(component: &[u8]) -> Result<Vec<u8>, CompileRefusal> {
    all_is_memory(component)?;
    let readable = Wizer::new().instrument_component(component);
    Ok(readable.map_err(refused)?.1)
}

/// Writes what was read into the component that it was read of.
pub(super) fn begun(component: &[u8], memory: &Memory) -> Result<Vec<u8>, CompileRefusal> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, _) = wizer.instrument_component(component).map_err(refused)?;
    let mut told = Told(memory);
    let begun = std::pin::pin!(wizer.snapshot_component(&context, &mut told));
    // It waits for nothing: all has been read.
    match begun.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(begun) => begun.map_err(refused),
        Poll::Pending => Err(CompileRefusal::Machine("it waits for something".to_owned())),
    }
}

/// Checks that all that an instance may keep is in its memories and globals: not so handles of resources of its own, which no
/// copy of the memory makes valid.
fn all_is_memory(component: &[u8]) -> Result<(), CompileRefusal> {
    let invalid = |error: wasmparser::BinaryReaderError| CompileRefusal::Invalid(error.to_string());
    for payload in Parser::new(0).parse_all(component) {
        let Payload::ComponentCanonicalSection(functions) = payload.map_err(invalid)? else {
            continue;
        };
        for function in functions {
            match function.map_err(invalid)? {
                CanonicalFunction::Lift { .. }
                | CanonicalFunction::Lower { .. }
                | CanonicalFunction::ResourceDrop { .. } => {}
                _ => {
                    return Err(CompileRefusal::Invalid(
                        "it has resources of its own".to_owned(),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn refused(error: wasmtime::Error) -> CompileRefusal {
    CompileRefusal::Invalid(format!("{error:#}"))
}

/// Answers from what was read. A name that is missing ends the child, or the attempt: there is no way to say so.
struct Told<'a>(&'a Memory);

impl ComponentInstanceState for Told<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        _: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let told = self.0.told(name);
        // As above.
        contents(told.unwrap_or_else(|| panic!("nobody told {name}")));
    }

    async fn call_func_ret_s32(&mut self, _: &str, name: &str) -> i32 {
        let [a, b, c, d, ..] = self.0.global(name);
        i32::from_le_bytes([a, b, c, d])
    }

    async fn call_func_ret_s64(&mut self, _: &str, name: &str) -> i64 {
        i64::from_le_bytes(self.0.global(name))
    }

    async fn call_func_ret_f32(&mut self, _: &str, name: &str) -> u32 {
        let [a, b, c, d, ..] = self.0.global(name);
        u32::from_le_bytes([a, b, c, d])
    }

    async fn call_func_ret_f64(&mut self, _: &str, name: &str) -> u64 {
        u64::from_le_bytes(self.0.global(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_found_by_its_name() {
        let mut memory = Memory::default();
        memory.push("global0", &7_i64.to_le_bytes());
        memory.push("memory1", b"words");
        let read = Memory::from_bytes(memory.bytes().to_vec());
        assert_eq!(read.told("memory1"), Some(b"words".as_slice()));
        assert_eq!(read.global("global0"), 7_i64.to_le_bytes());
        assert_eq!(read.told("memory0"), None);
        let cut = Memory::from_bytes(memory.bytes()[..40].to_vec());
        assert_eq!(cut.told("memory1"), None);
    }

    #[test]
    fn a_component_with_resources_of_its_own_is_refused_wherever_they_are() {
        let own = "(type $r (resource (rep i32))) (core func (canon resource.new $r))";
        for text in [
            format!("(component {own})"),
            format!("(component (component {own}))"),
        ] {
            let component = wat::parse_str(text).unwrap();
            let refused = readable(&component).unwrap_err();
            assert_eq!(
                refused,
                CompileRefusal::Invalid("it has resources of its own".to_owned())
            );
        }
    }
}
