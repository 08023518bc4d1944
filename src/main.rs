//! The binary: everything is in the library.

use std::process::ExitCode;

/// With the system's allocator a parked poll takes twice the memory, because that allocator touches
/// unused ends of buffers.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    malipo::cli::run()
}
