//! The binary: everything is in the library.

use std::process::ExitCode;

/// A parked poll takes half of the memory that it takes with the system's allocator, which touches
/// the ends of buffers that nobody has written to.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    malipo::cli::run()
}
