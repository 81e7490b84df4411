//! The `jit` program: reads the command line and hands over to `jit::cli`.

use std::process::ExitCode;

use clap::Parser;
use jit::allocator::{self, Allocator};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    allocator::give_back_soon();
    // Two TLS stacks share rustls in this program; without a choice it panics when the first client is built.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    jit::cli::run(jit::cli::Cli::parse())
}
