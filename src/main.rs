//! The binary: everything is in the library.

use std::process::ExitCode;

/// With the system's allocator a parked poll takes twice the memory, because that allocator touches
/// unused ends of buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    malipo::cli::run()
}
