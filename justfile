# The commands that are used every day; `just` alone lists them.
_default:
    @just --list --unsorted

# Format, lints, docs and all tests, as CI runs them.
test:
    scripts/test

# Lints alone, while working.
check:
    cargo clippy --all-targets -- -D warnings

# Acknowledgements a second, AWS calls, memory.
bench:
    cargo bench

# Everything in a browser on this machine, without an account anywhere.
playground:
    cargo run -- playground
