//! Random histories: two people, roles that overlap on what they open, an AWS that goes wrong, a bot that is killed, and
//! administrators who meddle. After each step the cloud has what live grants cover, and grants say what is so.
//!
//! The histories are the same in every run. `JIT_HISTORIES` sets how many there are, `JIT_SEED` which.

use std::panic::AssertUnwindSafe;

use futures::{FutureExt, future::join_all};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::harness::ledger::{Step, Trouble, live_through};

/// How many histories an ordinary run goes through.
const HISTORIES: usize = 10;
/// How many steps the longest of them has.
const LONGEST: usize = 16;
/// How many are gone through side by side: they mostly wait for moto and the disk.
const AT_A_TIME: usize = 4;
/// How often a history that fails is cut down.
const CUTS: usize = 60;

fn step() -> impl Strategy<Value = Step> {
    let ask = || (0..2_usize, 0..6_usize, prop::sample::select(vec![5_i64, 15, 30, 60, 120]));
    prop_oneof![
        6 => ask().prop_map(|(who, role, minutes)| Step::Get { who, role, minutes }),
        2 => ask().prop_map(|(who, role, minutes)| Step::Ask { who, role, minutes }),
        2 => any::<usize>().prop_map(|nth| Step::Approve { nth }),
        1 => any::<usize>().prop_map(|nth| Step::Deny { nth }),
        2 => (any::<usize>(), prop::sample::select(vec![15_i64, 60, 240]))
            .prop_map(|(nth, minutes)| Step::Extend { nth, minutes }),
        3 => any::<usize>().prop_map(|nth| Step::End { nth }),
        1 => any::<usize>().prop_map(|nth| Step::Revoke { nth }),
        4 => prop::sample::select(vec![4_i64, 14, 29, 75]).prop_map(|minutes| Step::Pass { minutes }),
        1 => Just(Step::Crash),
        1 => (0..40_usize).prop_map(|steps| Step::CrashAfter { steps }),
        3 => (trouble(), any::<bool>(), prop::sample::select(vec![1_usize, 3, usize::MAX]))
            .prop_map(|(how, giving, times)| Step::Break { how, giving, times }),
        2 => Just(Step::Mend),
        1 => any::<usize>().prop_map(|what| Step::TakenByHand { what }),
        1 => any::<usize>().prop_map(|what| Step::GivenByHand { what }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop::sample::select(vec![
        Trouble::Throttled,
        Trouble::Conflicting,
        Trouble::DoneAndBroken,
        Trouble::DoneAndSilent,
        Trouble::Twice,
        Trouble::InProgress,
        Trouble::Failed,
    ])
}

/// What went wrong, if anything did.
async fn flaw(history: Vec<Step>) -> Option<String> {
    let panic = AssertUnwindSafe(live_through(history)).catch_unwind().await.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

/// Leaves out of a history what its failure does not need.
async fn cut_down(mut tree: impl ValueTree<Value = Vec<Step>>, mut why: String) -> (Vec<Step>, String) {
    let mut shortest = tree.current();
    for _ in 0..CUTS {
        let history = tree.current();
        let goes_on = match flaw(history.clone()).await {
            Some(found) => {
                (shortest, why) = (history, found);
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    (shortest, why)
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} wants a number")))
}

#[tokio::test]
async fn access_is_there_exactly_while_a_grant_covers_it_whatever_happens() {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("JIT_SEED").unwrap_or_default().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let histories = prop::collection::vec(step(), 4..=LONGEST);
    let mut left = number("JIT_HISTORIES").unwrap_or(HISTORIES);
    while left > 0 {
        let some: Vec<_> = (0..left.min(AT_A_TIME)).map(|_| histories.new_tree(&mut runner).unwrap()).collect();
        left -= some.len();
        let flaws = join_all(some.iter().map(|tree| flaw(tree.current()))).await;
        if let Some((tree, why)) = some.into_iter().zip(flaws).find_map(|(tree, flaw)| Some((tree, flaw?))) {
            let (history, why) = cut_down(tree, why).await;
            panic!("{why}\n\nThe history: {history:#?}");
        }
    }
}

/// What was found by many more histories than an ordinary run has.
#[tokio::test]
async fn histories_that_went_wrong_once_go_well() {
    let slow_creates = Step::Break { how: Trouble::InProgress, giving: true, times: 3 };
    live_through(vec![
        slow_creates,
        Step::Get { who: 0, role: 1, minutes: 5 },
        Step::Get { who: 1, role: 0, minutes: 5 },
    ])
    .await;
    live_through(vec![
        Step::Get { who: 0, role: 4, minutes: 30 },
        Step::Crash,
        Step::Get { who: 0, role: 3, minutes: 15 },
        Step::Break { how: Trouble::Failed, giving: false, times: 1 },
        Step::CrashAfter { steps: 17 },
        Step::Break { how: Trouble::DoneAndBroken, giving: false, times: 3 },
    ])
    .await;
}
