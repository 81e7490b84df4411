//! What `jit` is about, as plain values and total functions.
//!
//! Nothing here does IO, reads a clock, knows SQL, Slack's API or a cloud's SDK: everything is a function of its
//! arguments, so every rule can be tested by calling it.

pub mod access;
mod attempt;
pub mod audit;
pub mod aws;
pub mod azure;
pub mod catalog;
mod chain;
pub mod grant;
pub mod iam_policy;
pub mod ids;
pub mod job;
pub mod people;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod request;
pub mod session;
pub mod text;
pub mod time;
pub mod workload;
