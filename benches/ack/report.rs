//! The figures, aligned.

use std::time::Duration;

use super::{round::Round, story::Story};

/// One round as soon as it is over.
pub fn print_round(number: usize, round: &Round) {
    let Round { name, load, kept, posts, .. } = round;
    println!(
        "round {number}  {name:<5}  {:>7.0} acks/s   p50 {:>7}   p99 {:>7}   max {:>7}   {:>6} acknowledged, {kept:>6} kept, {posts:>4} cards and lines posted",
        load.rate(),
        millis(load.percentile(50)),
        millis(load.percentile(99)),
        millis(load.percentile(100)),
        load.acks.len(),
    );
    assert_eq!(i64::try_from(load.acks.len()), Ok(*kept), "every acknowledged request is in the store, and no other");
}

/// The medians over all rounds, beside the goals.
pub fn print(rounds: &[(Round, Round)], story: Option<&Story>) {
    let of = |figure: &dyn Fn(&Round) -> f64| {
        let (mut ours, mut naive): (Vec<f64>, Vec<f64>) =
            rounds.iter().map(|(ours, naive)| (figure(ours), figure(naive))).unzip();
        (median(&mut ours), median(&mut naive))
    };
    // Whatever else the machine does shows in the figures.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\nload average of the machine: {}", load.split(' ').next().unwrap_or_default());
    println!("{:<44}{:>12}{:>12}{:>9}   goal", "medians, 16 connections, synchronous=FULL", "jit", "naive", "ratio");
    let line = |what: &str, (ours, naive): (f64, f64), unit: &str, goal: &str| {
        println!("{what:<44}{:>12}{:>12}{:>9.2}   {goal}", figure(ours, unit), figure(naive, unit), ours / naive);
    };
    line(
        "durable acknowledgements a second",
        of(&|round| round.load.rate()),
        "",
        "(ours keeps a request, its event, card and jobs; naive one row)",
    );
    let percentile = |percent| of(&move |round: &Round| round.load.percentile(percent).as_secs_f64() * 1e3);
    line("  half of them within", percentile(50), "ms", "");
    line("  99 in 100 within", percentile(99), "ms", "below 50 ms");
    let megabytes = |kilobytes: Option<u64>| {
        kilobytes.map_or(f64::NAN, |kb| f64::from(u32::try_from(kb).unwrap_or(u32::MAX)) / 1024.0)
    };
    line("memory, idle", of(&|round| megabytes(round.idle)), "MB", "below 40 MB");
    line("memory, most under load", of(&|round| megabytes(round.peak)), "MB", "below 40 MB");
    let Some(story) = story else {
        println!("calls of AWS: not counted, see above (scripts/bench says what is needed)");
        return;
    };
    let calls = |what: &str, calls: &[String], goal: &str| {
        println!("{what:<44}{:>12}{:>12}{:>9}   {goal} ({})", calls.len(), "", "", calls.join(", "));
    };
    calls("calls of AWS for one approval", &story.approve, "at most 2");
    calls("calls of AWS for one claim", &story.claim, "1");
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "" => format!("{value:.0}"),
        unit => format!("{value:.1} {unit}"),
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
