//! Random histories in Azure: two people, roles that overlap on what they open, an Azure that lags, fails and does what it
//! says it has not done, a bot that is killed, and administrators who take things away. At every moment what is said is
//! so; once nothing stands in the way Azure has exactly what live grants cover.

use proptest::prelude::*;

use crate::harness::{
    World,
    azure::{Action, Fault, Slow, story::things},
    made_up::go_through,
    minutes, seconds,
};

/// How many histories an ordinary run goes through.
const HISTORIES: usize = 12;
/// How many steps the longest of them has.
const LONGEST: usize = 12;

const ROLES: [&str; 6] = ["deploy", "deploy-wide", "deploy-all", "helpdesk", "oncall", "robot"];
const PEOPLE: [&str; 2] = ["requester", "lead"];
const WRITES: [&str; 3] = ["AdminAssign", "AdminUpdate", "AdminRemove"];

/// One step of a history. Numbers stand for one of what there is at that moment.
#[derive(Debug, Clone)]
enum Step {
    /// One of two people asks for one of the roles, and it is approved at once.
    Get {
        who: usize,
        role: usize,
        minutes: i64,
    },
    /// A holder gets more time.
    Extend {
        nth: usize,
        minutes: i64,
    },
    /// A holder ends a grant.
    End {
        nth: usize,
    },
    /// Time passes.
    Pass {
        seconds: i64,
    },
    /// `kill -9` and a start: now, or in the middle of what comes next.
    Crash,
    CrashAfter {
        steps: usize,
    },
    /// Azure goes wrong so many times.
    Break {
        how: Fault,
        write: usize,
        times: usize,
    },
    /// Azure takes its time.
    Linger {
        action: Action,
        seconds: i64,
    },
    Mend,
    /// Somebody else takes something away.
    TakenByHand {
        who: usize,
        what: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let faults = vec![
        Fault::FailBefore,
        Fault::FailAfter,
        Fault::DropAfter,
        Fault::Html503,
        Fault::Throttled(30),
        Fault::PENDING,
        Fault::SUBJECT_NOT_FOUND,
    ];
    let actions = vec![Action::Assign, Action::Update, Action::Remove];
    prop_oneof![
        8 => (0..2_usize, 0..6_usize, prop::sample::select(vec![5_i64, 15, 30, 60, 120]))
            .prop_map(|(who, role, minutes)| Step::Get { who, role, minutes }),
        3 => (any::<usize>(), prop::sample::select(vec![15_i64, 60, 240]))
            .prop_map(|(nth, minutes)| Step::Extend { nth, minutes }),
        4 => any::<usize>().prop_map(|nth| Step::End { nth }),
        5 => prop::sample::select(vec![20_i64, 90, 240, 360, 1_200, 4_000]).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Crash),
        2 => (0..40_usize).prop_map(|steps| Step::CrashAfter { steps }),
        4 => (prop::sample::select(faults), 0..3_usize, prop::sample::select(vec![1_usize, 3]))
            .prop_map(|(how, write, times)| Step::Break { how, write, times }),
        2 => (prop::sample::select(actions), prop::sample::select(vec![10_i64, 100]))
            .prop_map(|(action, seconds)| Step::Linger { action, seconds }),
        2 => Just(Step::Mend),
        1 => (0..3_usize, 0..3_usize).prop_map(|(who, what)| Step::TakenByHand { who, what }),
    ]
}

async fn live_through(history: Vec<Step>) {
    let mut world = World::with_azure().await;
    world.edit_config(|config| {
        format!("{config}\n[limits]\nrequests_per_person_per_hour = 1000\npending_per_person = 1000\n")
    });
    world.app.reload().await.unwrap();
    for step in &history {
        take(&mut world, step).await;
        world.advance(seconds(1)).await;
        world.nothing_is_pretended().await;
    }
    take(&mut world, &Step::Mend).await;
    world.the_cloud_agrees().await;
    while end(&mut world, 0).await {}
    world.advance(minutes(30)).await;
    world.the_cloud_agrees().await;
    let left = world.azure.schedules().into_iter().filter(|it| it.is_active(world.now()));
    assert_eq!(left.count(), 0, "something is there for nobody");
    world.everything_is_read();
    world.finish().await;
}

async fn take(world: &mut World, step: &Step) {
    let [approver] = world.people(["approver"]);
    match step.clone() {
        Step::Get { who, role, minutes } => {
            let [holder] = world.people([PEOPLE[who]]);
            let before = world.slack.channel("requests").messages().len();
            let _ = world.told(&holder, &format!("/jit request {} {minutes}m", ROLES[role])).await;
            world.settle().await;
            approve(world, &approver, before).await;
        }
        Step::Extend { nth, minutes } => {
            let Some((grant, holder)) = open_grant(world, nth).await else { return };
            let before = world.slack.channel("requests").messages().len();
            let _ = world.told(&holder, &format!("/jit extend {grant} {minutes}m")).await;
            world.settle().await;
            approve(world, &approver, before).await;
        }
        Step::End { nth } => {
            end(world, nth).await;
        }
        Step::Pass { seconds: count } => world.advance(seconds(count)).await,
        Step::Crash => world.restart().await,
        Step::CrashAfter { steps } => world.crash_after(steps),
        Step::Break { how, write, times } => world.azure.fail(WRITES[write], times, how),
        Step::Linger { action, seconds: count } => {
            let status = if action == Action::Remove { "PendingRevocation" } else { "PendingProvisioning" };
            world.azure.slow(action, 1, Slow { status, lasts: seconds(count), fails: None });
        }
        Step::Mend => {
            world.azure.heal();
            // longer than it takes until a sweep believes the lists and what it finds is mended
            world.advance(minutes(45)).await;
        }
        Step::TakenByHand { who, what } => {
            let name = ["requester", "lead", "pipeline"][who];
            world.azure.takes(&things()[what], name);
            // until a sweep has seen it, what is said is not so
            world.azure.heal();
            world.advance(minutes(45)).await;
        }
    }
}

/// Approves the card that has come, if one has.
async fn approve(world: &mut World, approver: &jit::playground::workspace::Person, before: usize) {
    let card = world.slack.channel("requests").messages().get(before).cloned();
    let Some(card) =
        card.filter(|it| it.present().blocks.iter().any(|block| block.to_string().contains("\"Approve\"")))
    else {
        return;
    };
    approver.clicks_on(&card, "Approve").await;
    world.settle().await;
}

/// One of the grants that cover something, and who holds it.
async fn open_grant(world: &World, nth: usize) -> Option<(String, jit::playground::workspace::Person)> {
    let mut open = world.all_grants().await;
    open.retain(|grant| grant.covers(world.now()));
    let grant = open.get(nth % open.len().max(1))?;
    let holder = world.people(PEOPLE).into_iter().find(|person| person.id() == grant.holder.to_string())?;
    Some((grant.code.grant(), holder))
}

async fn end(world: &mut World, nth: usize) -> bool {
    let Some((grant, holder)) = open_grant(world, nth).await else { return false };
    let _ = world.told(&holder, &format!("/jit end {grant}")).await;
    world.settle().await;
    true
}

#[tokio::test]
async fn azure_has_exactly_what_live_grants_cover_whatever_happens() {
    Box::pin(go_through(prop::collection::vec(step(), 4..=LONGEST), HISTORIES, live_through)).await;
}
