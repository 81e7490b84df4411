//! Random histories: two people, roles that overlap on what they open, an AWS that goes wrong, a bot that is killed, and
//! administrators who meddle. After each step the cloud has what live grants cover, and grants say what is so.

use proptest::prelude::*;

use crate::harness::{
    ledger::{Step, Trouble, live_through},
    made_up::go_through,
};

/// How many histories an ordinary run goes through.
const HISTORIES: usize = 10;
/// How many steps the longest of them has.
const LONGEST: usize = 16;

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

#[tokio::test]
async fn access_is_there_exactly_while_a_grant_covers_it_whatever_happens() {
    Box::pin(go_through(prop::collection::vec(step(), 4..=LONGEST), HISTORIES, live_through)).await;
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
