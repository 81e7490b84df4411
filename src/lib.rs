//! `jit`: a Slack approval bot for time-bound cloud access.
//!
//! ARCHITECTURE.md is the map of the rooms below and says what is absent from each.

pub mod allocator;
pub mod ambient;
pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod domain;
pub mod http;
pub mod identity;
pub mod job;
pub mod playground;
pub mod provider;
pub mod runner;
pub mod shutdown;
pub mod slack;
pub mod store;
pub mod telemetry;
pub mod usecase;
