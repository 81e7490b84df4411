//! How memory is given out, and given back.

/// Each connection that waits has buffers of which little is ever touched. This allocator lets those pages be, where the
/// usual one has them touched by what lies beside: that is half of what a pipeline that waits costs. It has to know when it
/// is built how large a page is, and only here is that the same everywhere.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use tikv_jemallocator::Jemalloc as Allocator;

/// The usual one.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub use std::alloc::System as Allocator;

/// What was freed goes back to the machine after a second, and not after ten; in two steps, of which the second takes no
/// time. A thread sees to that, because a bot with nothing to do would not come to it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn give_back_soon() {
    use tikv_jemalloc_ctl::{Access, AsName, background_thread};

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
    _ = background_thread::write(true);
}

/// The usual allocator gives back what it will.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn give_back_soon() {}
