//! What the bot costs: acknowledgements a second beside the barest server that could give them, calls of AWS for one
//! approval and one claim, and memory.
//!
//! `cargo bench` runs it, `cargo bench -- --quick` a short version. The bot is the real binary with a store of its own
//! on disk, driven by signed HTTP; nothing is asserted about time, since machines differ: the figures stand beside each
//! other instead, taken in turns in one run. What was acknowledged must be in the store, though.

use std::time::Duration;

mod bot;
mod load;
mod naive;
mod report;
mod round;
mod signed;
mod story;

/// How long the benchmark runs.
#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    seconds: Duration,
}

const FULL: Plan = Plan { rounds: 5, seconds: Duration::from_secs(6) };
const QUICK: Plan = Plan { rounds: 1, seconds: Duration::from_secs(2) };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("there are threads");
    if let [flag, store, secret] = &arguments[..]
        && flag == naive::FLAG
    {
        return runtime.block_on(naive::serve(store, secret));
    }
    // `cargo test --all-targets` starts benchmarks as well, without this.
    if !has("--bench") {
        return println!("ack: run it with `cargo bench`");
    }
    runtime.block_on(run(if has("--quick") { QUICK } else { FULL }));
}

async fn run(plan: Plan) {
    let mut rounds = Vec::new();
    for number in 1..=plan.rounds {
        let ours = round::of_jit(number, plan.seconds).await;
        report::print_round(number, &ours);
        let naive = round::of_naive(number, plan.seconds).await;
        report::print_round(number, &naive);
        rounds.push((ours, naive));
    }
    // A panic in there says what is missing (moto, as a rule) and leaves the other figures alone.
    let story = tokio::spawn(story::run()).await.ok();
    report::print(&rounds, story.as_ref());
}
