//! The `selvedge` binary. Exit codes: 0 done; 1 something failed; 2 the command line or the configuration is wrong.

use std::process::ExitCode;

/// It gives memory back when it is told to, so that what a host takes follows from what it was given.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hold_no_more_than_needed();
    selvedge::cli::main()
}

/// `mi_option_purge_delay`, which the bindings give no name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Has the allocator hold little beside what is in use: what a host takes is to follow from what it was given.
fn hold_no_more_than_needed() {
    // It asks for huge pages where the system allows that. Of each all 2 MiB are resident as soon as a byte is touched, and
    // what is freed within it stays. Where the kernel does not know this call, there are none.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Memory that is free goes back after so many milliseconds. In the second that it has otherwise, a loaded host frees
    // more than all else that it takes beside the cache.
    // SAFETY: it takes two integers, and there is no other thread yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 10) };
}
