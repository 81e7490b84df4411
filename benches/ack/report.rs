//! The figures, aligned.

use std::time::Duration;

use super::{
    api::Api,
    azure,
    center::{self, Center},
    click::Click,
    flood::Flood,
    round::Round,
    story::Story,
};

/// What the figures depend on.
pub fn print_heading() {
    // Whatever else the machine does shows in the figures.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, load average {}\n", load.split(' ').next().unwrap_or_default());
}

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

fn heading(what: &str, ours: &str, other: &str) {
    println!("\n{what:<48}{ours:>12}{other:>12}{:>9}   goal", "ratio");
}

fn line(what: &str, (ours, other): (f64, f64), unit: &str, goal: &str) {
    println!("{what:<48}{:>12}{:>12}{:>9.2}   {goal}", figure(ours, unit), figure(other, unit), ours / other);
}

/// A figure that there is nothing to hold against.
fn alone(what: &str, ours: &str, goal: &str) {
    println!("{what:<48}{ours:>12}{:>12}{:>9}   {goal}", "", "");
}

/// The medians over all rounds, beside the goals.
pub fn print_acks(rounds: &[(Round, Round)]) {
    let of = |figure: &dyn Fn(&Round) -> f64| {
        let (mut ours, mut naive): (Vec<f64>, Vec<f64>) =
            rounds.iter().map(|(ours, naive)| (figure(ours), figure(naive))).unzip();
        (median(&mut ours), median(&mut naive))
    };
    heading("medians, 16 connections, synchronous=FULL", "jit", "naive");
    line(
        "durable acknowledgements a second",
        of(&|round| round.load.rate()),
        "",
        "(ours keeps a request, its event, card and jobs; naive one row)",
    );
    let percentile = |percent| of(&move |round: &Round| round.load.percentile(percent).as_secs_f64() * 1e3);
    line("  half of them within", percentile(50), "ms", "");
    line("  99 in 100 within", percentile(99), "ms", "below 50 ms");
    line("memory, idle", of(&|round| megabytes(round.idle)), "MB", "below 40 MB");
    line("memory, most under load", of(&|round| megabytes(round.peak)), "MB", "below 40 MB");
}

/// The API.
pub fn print_api(api: &Api) {
    let Api { reads, asks, waiting, idle, peak, woken } = api;
    heading("the API, 16 connections, synchronous=FULL", "jit", "");
    alone(
        "requests read a second",
        &figure(reads.rate(), ""),
        &format!("(99 in 100 within {})", millis(reads.percentile(99))),
    );
    alone(
        "requests made a second, durable",
        &figure(asks.rate(), ""),
        &format!("(99 in 100 within {})", millis(asks.percentile(99))),
    );
    alone(&format!("memory, {waiting} pipelines waiting"), &figure(megabytes(*peak), "MB"), "below 150 MB for 10,000");
    alone("  before any of them waits", &figure(megabytes(*idle), "MB"), "");
    let at = |percent: usize| woken[(woken.len() * percent / 100).min(woken.len() - 1)];
    alone("  half of them hear of their news within", &millis(at(50)), "");
    alone("  99 in 100 within", &millis(at(99)), "below 150 ms");
}

/// Calls of STS.
pub fn print_story(story: Option<&Story>) {
    let Some(story) = story else {
        return println!("calls of AWS: not counted, see above (scripts/bench says what is needed)");
    };
    heading("calls of AWS for a session of a role", "jit", "");
    let calls = |what: &str, calls: &[String], goal: &str| {
        alone(what, &calls.len().to_string(), &format!("{goal} ({})", calls.join(", ")));
    };
    calls("one approval", &story.approve, "at most 2");
    calls("one claim", &story.claim, "1");
}

/// Calls of Identity Center.
pub fn print_center(center: Option<&Center>) {
    let Some(Center { cold, warm, lookup }) = center else { return };
    let (users, sets, grants) = center::SIZE;
    println!(
        "\ncalls of AWS for a permission set, with {users} people, {sets} permission sets and {grants} live grants"
    );
    println!("{:<48}{:>12}{:>12}{:>12}   goal", "", "jit, cold", "jit, warm", "by listing");
    let row = |what: &str, of: &dyn Fn(&center::Steps) -> &Vec<String>, goal: &str| {
        let [cold, warm, lookup] = [cold, warm, lookup].map(|steps| of(steps).len());
        println!("{what:<48}{cold:>12}{warm:>12}{lookup:>12}   {goal}");
    };
    row("one request, before anybody is bothered", &|steps| &steps.request, "");
    row("one approval, with one look at its status", &|steps| &steps.approve, "at most 4");
    row("one revocation, with one look at its status", &|steps| &steps.revoke, "at most 3");
    println!("  cold request: {}", cold.request.join(", "));
    println!("  approval: {}", cold.approve.join(", "));
    println!("  revocation: {}", cold.revoke.join(", "));
}

/// From an approval to the command that waited for it.
pub fn print_click(click: Option<&Click>) {
    let Some(Click { times, cloud }) = click else {
        return println!("from the click to the command: not measured, see above (scripts/bench says what is needed)");
    };
    let at = |times: &[Duration], percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    heading(&format!("from the click on Approve to the command, {} times", times.len()), "jit run", "");
    for percent in [50, 99] {
        let (whole, aws) = (at(times, percent), 2 * at(cloud, percent));
        let ours = millis(whole.saturating_sub(aws));
        alone(
            &format!("  {percent} in 100 within"),
            &millis(whole),
            &format!("({} for two calls of AWS)", millis(aws)),
        );
        alone("    without the cloud's time", &ours, "below 150 ms");
    }
}

/// Calls of Azure.
pub fn print_azure(azure: &azure::Steps) {
    heading("calls of Azure for a role, with warm caches", "jit", "");
    let calls = |what: &str, calls: &jit::provider::Calls, goal: &str| {
        let names: Vec<String> = calls.0.iter().map(|(name, count)| format!("{count} {name}")).collect();
        alone(what, &calls.count().to_string(), &format!("{goal} ({})", names.join(", ")));
    };
    calls("one request, with nothing known yet", &azure.request, "");
    calls("one approval", &azure.approve, "at most 3");
    calls("one revocation", &azure.revoke, "at most 2");
}

/// Many ends at once.
pub fn print_flood(flood: &Flood) {
    let Flood { count, asked, gone, bare, calls, peak, paced } = flood;
    heading(&format!("{count} permission sets whose grants end in one second"), "jit", "bare");
    let at =
        |times: &[Duration], percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64();
    let both = |percent| (at(gone, percent), at(bare, percent));
    line("  half of them are seen to be gone within", both(50), "s", "");
    line("  99 in 100 within", both(99), "s", "");
    line("  all of them within", both(100), "s", "30 s for 10,000");
    alone("  AWS was asked to take the last away within", &figure(at(asked, 100), "s"), "");
    let each =
        |calls: usize| f64::from(u32::try_from(calls).expect("few")) / f64::from(u32::try_from(*count).expect("few"));
    line("  calls of AWS for each", (each(*calls), 3.0), "", "3");
    alone("  memory, most", &figure(megabytes(*peak), "MB"), "below 100 MB");
    let minutes = 10_000.0 / paced / 60.0;
    alone(
        "  10,000 with AWS' quota kept, extrapolated",
        &figure(minutes, "min"),
        &format!("({paced:.2} a second were measured; half of AWS' 20 calls a second allows 3.33)"),
    );
}

fn megabytes(kilobytes: Option<u64>) -> f64 {
    kilobytes.map_or(f64::NAN, |kb| f64::from(u32::try_from(kb).unwrap_or(u32::MAX)) / 1024.0)
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "" if value < 100.0 && value.fract() > 0.0 => format!("{value:.2}"),
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
