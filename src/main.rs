//! The `jit` program: reads the command line and hands over to `jit::cli`.

use std::process::ExitCode;

use clap::Parser;

/// Each connection that waits has buffers of which little is ever touched. This allocator lets those pages be, where the
/// usual one has them touched by what lies beside: that is half of what a pipeline that waits costs.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    give_memory_back_soon();
    // Two TLS stacks share rustls in this program; without a choice it panics when the first client is built.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    jit::cli::run(jit::cli::Cli::parse())
}

/// What was freed goes back to the machine after a second, and not after ten; in two steps, of which the second takes no
/// time.
#[cfg(target_os = "linux")]
fn give_memory_back_soon() {
    use tikv_jemalloc_ctl::{Access, AsName};

    const MILLISECONDS: [(&[u8], isize); 4] = [
        (b"arenas.dirty_decay_ms\0", 1_000),
        (b"arenas.muzzy_decay_ms\0", 0),
        // the one that is there already
        (b"arena.0.dirty_decay_ms\0", 1_000),
        (b"arena.0.muzzy_decay_ms\0", 0),
    ];
    for (name, wanted) in MILLISECONDS {
        // Without it the program only takes more than it needs.
        _ = name.name().write(wanted);
    }
}
