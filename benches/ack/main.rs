//! What the bot costs: acknowledgements a second beside the barest server that could give them, revocations beside the
//! barest program that could do them, calls of AWS and Azure for one grant, and memory.
//!
//! `cargo bench` runs it, `cargo bench -- --quick` a short version, `cargo bench -- acks`, `api`, `calls`, `clicks` or
//! `revocations` a part of it. The bot has a store of its own on disk and is driven by signed HTTP; nothing is asserted about time, since
//! machines differ: the figures stand beside each other instead, taken in turns in one run. What was acknowledged must be
//! in the store, though, and what has ended must be gone.

use std::time::Duration;

use jit::allocator::{self, Allocator};

mod api;
#[path = "../../tests/it/harness/aws/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use all of it, the benchmark only the record")]
mod aws;
mod azure;
mod bot;
mod center;
mod click;
mod flood;
mod load;
mod lookup;
mod naive;
mod report;
mod round;
mod signed;
mod story;
#[path = "../../tests/it/harness/waiting.rs"]
mod waiting;

/// How long the benchmark runs.
#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    seconds: Duration,
    waiting: usize,
    flood: flood::Plan,
    /// How often somebody approves what a command waits for.
    clicks: usize,
}

const FULL: Plan = Plan {
    rounds: 5,
    seconds: Duration::from_secs(6),
    waiting: 10_000,
    flood: flood::Plan { count: 10_000, paced: Duration::from_secs(40) },
    clicks: 200,
};
const QUICK: Plan = Plan {
    rounds: 1,
    seconds: Duration::from_secs(2),
    waiting: 2_000,
    flood: flood::Plan { count: 1_000, paced: Duration::from_secs(15) },
    clicks: 20,
};

/// The bot that takes away what ends runs in this program, and is to take no more memory than the real one.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() {
    allocator::give_back_soon();
    // Two TLS stacks share rustls in this program; without a choice it panics when the first client is built.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("there are threads");
    match words[..] {
        [naive::FLAG, store, secret] => runtime.block_on(naive::serve(store, secret)),
        [flood::bot::FLAG, home, pace] => runtime.block_on(flood::bot::work(home, pace)),
        [flood::bare::FLAG, url, count, width] => runtime.block_on(flood::bare::revoke(url, count, width)),
        // `cargo test --all-targets` starts benchmarks as well, without this.
        _ if !words.contains(&"--bench") => println!("ack: run it with `cargo bench`"),
        _ => runtime.block_on(run(if words.contains(&"--quick") { QUICK } else { FULL }, &words)),
    }
}

async fn run(plan: Plan, words: &[&str]) {
    let some = words.iter().any(|word| !word.starts_with("--"));
    let wanted = |part: &str| !some || words.contains(&part);
    report::print_heading();
    if wanted("acks") {
        let mut rounds = Vec::new();
        for number in 1..=plan.rounds {
            let ours = round::of_jit(number, plan.seconds).await;
            report::print_round(number, &ours);
            let naive = round::of_naive(number, plan.seconds).await;
            report::print_round(number, &naive);
            rounds.push((ours, naive));
        }
        report::print_acks(&rounds);
    }
    if wanted("api") {
        report::print_api(&api::run(plan.waiting, plan.seconds).await);
    }
    if wanted("calls") {
        // A panic in there says what is missing (moto, as a rule) and leaves the other figures alone.
        report::print_story(tokio::spawn(story::run()).await.ok().as_ref());
        report::print_center(tokio::spawn(center::run()).await.ok().as_ref());
        report::print_azure(&azure::run().await);
    }
    if wanted("clicks") {
        report::print_click(tokio::spawn(click::run(plan.clicks)).await.ok().as_ref());
    }
    if wanted("revocations") {
        report::print_flood(&flood::run(plan.flood).await);
    }
}
