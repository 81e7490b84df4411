//! The playground, as somebody uses it: the built program and a real browser without a screen. Everything here is done by
//! clicking and typing, and what is looked at is the page.
//!
//! What is waited for is a sight, never a length of time. `scripts/test` gets the browser, its driver and axe-core, and
//! says where they are: `JIT_CHROMIUM`, `JIT_CHROMEDRIVER`, `JIT_AXE`.

mod driver;
mod looks;
mod own_policy;
mod page;
mod story;
mod trouble;

pub use page::Tab;
