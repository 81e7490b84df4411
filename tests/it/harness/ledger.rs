//! A history of asks, approvals, ends, crashes and faults, and what the clouds should have after each of its steps.
//!
//! The ledger keeps its own books: when each grant ends, who has ended it, what somebody else has given. It compares them
//! with what the bot says of itself and with what moto has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jit::{
    domain::{
        access::AccessState,
        grant::{Grant, GrantState},
        ids::{GrantId, RoleName},
    },
    playground::workspace::{Message, Person},
};

use super::{
    World,
    aws::{Fault, Slow, center_story::MEMBER},
    estate::{Estate, GIVING, TAKING},
    minutes, seconds, state,
};

/// One step of a history. Numbers stand for one of what there is at that moment.
#[derive(Debug, Clone)]
pub enum Step {
    /// One of two people asks for one of the roles.
    Ask {
        who: usize,
        role: usize,
        minutes: i64,
    },
    /// The same, and it is approved at once.
    Get {
        who: usize,
        role: usize,
        minutes: i64,
    },
    /// Somebody approves, or denies.
    Approve {
        nth: usize,
    },
    Deny {
        nth: usize,
    },
    /// A holder asks for more time, and it is approved at once.
    Extend {
        nth: usize,
        minutes: i64,
    },
    /// A holder ends a grant, or an approver revokes it.
    End {
        nth: usize,
    },
    Revoke {
        nth: usize,
    },
    /// Time passes.
    Pass {
        minutes: i64,
    },
    /// `kill -9` and a start: now, or in the middle of what comes next.
    Crash,
    CrashAfter {
        steps: usize,
    },
    /// AWS goes wrong from now on, until it does not, or until it has done so often enough.
    Break {
        how: Trouble,
        giving: bool,
        times: usize,
    },
    Mend,
    /// Somebody else takes something away, or gives it.
    TakenByHand {
        what: usize,
    },
    GivenByHand {
        what: usize,
    },
}

/// In which way AWS goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    Throttled,
    Conflicting,
    DoneAndBroken,
    DoneAndSilent,
    Twice,
    InProgress,
    Failed,
}

/// The roles that are asked for, and what each of them opens: the permission sets and the membership, by number.
const ROLES: [(&str, &[usize]); 6] = [
    ("db-admin", &[0]),
    ("db-both", &[0, 1]),
    ("admins", &[2]),
    ("incident", &[0, 2]),
    ("outage", &[1, 2]),
    ("db-watched", &[1]),
];
/// For so long what comes back may count as the bot's own doing: until a sweep has not found it.
const STILL_OURS: i64 = 20;

/// Something that can be had: one of two people a permission set, or the IAM user the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Set { who: usize, set: usize },
    Member,
}

/// What the ledger knows of a grant.
#[derive(Debug, Clone)]
struct Entry {
    things: BTreeSet<Thing>,
    has_policy: bool,
    ends_at: Timestamp,
    is_ended: bool,
    may_fail: bool,
}

/// The books, and the world that they are about.
pub struct Ledger {
    world: World,
    estate: Estate,
    people: [Person; 2],
    entries: BTreeMap<GrantId, Entry>,
    /// What somebody else has given.
    standing: BTreeSet<Thing>,
    /// When a grant was last at something.
    touched: BTreeMap<Thing, Timestamp>,
    is_troubled: bool,
}

/// Goes through a history, with a comparison after each step.
pub async fn live_through(history: Vec<Step>) {
    let mut ledger = Ledger::open().await;
    for (number, step) in history.into_iter().enumerate() {
        ledger.take(&step).await;
        ledger.compare(&format!("after step {number}, {step:?}")).await;
    }
    ledger.close().await;
}

impl Ledger {
    async fn open() -> Self {
        let world = World::with(|config| {
            format!("{config}\n[limits]\nrequests_per_person_per_hour = 1000\npending_per_person = 1000\n")
        })
        .await;
        let estate = Estate::of(&world).await;
        let people = world.people(["requester", "lead"]);
        let (entries, standing, touched) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { world, estate, people, entries, standing, touched, is_troubled: false }
    }

    async fn take(&mut self, step: &Step) {
        let [approver] = self.world.people(["approver"]);
        match *step {
            Step::Ask { who, role, minutes } => self.ask(who, role, minutes).await,
            Step::Get { who, role, minutes } => {
                self.ask(who, role, minutes).await;
                self.click(&approver, "Approve", usize::MAX).await;
            }
            Step::Approve { nth } => self.click(&approver, "Approve", nth).await,
            Step::Deny { nth } => self.click(&approver, "Deny", nth).await,
            Step::Revoke { nth } => self.click(&approver, "Revoke", nth).await,
            Step::End { nth } => self.end(nth).await,
            Step::Extend { nth, minutes } => self.extend(nth, minutes).await,
            Step::Pass { minutes: count } => self.world.advance(minutes(count)).await,
            Step::Crash => self.world.restart().await,
            Step::CrashAfter { steps } => self.world.crash_after(steps),
            Step::Break { how, giving, times } => self.go_wrong(how, giving, times),
            Step::Mend => self.mend().await,
            Step::TakenByHand { what } => self.taken_by_hand(what).await,
            Step::GivenByHand { what } => self.given_by_hand(what).await,
        }
        // what the bot does by itself within a minute, it has done
        self.world.advance(minutes(1)).await;
    }

    async fn ask(&mut self, who: usize, role: usize, minutes: i64) {
        let (name, _) = ROLES[role % ROLES.len()];
        self.people[who].types(&format!("/jit request {name} {minutes}m")).await;
        self.world.settle().await;
    }

    /// Somebody clicks a button that one of the cards has.
    async fn click(&mut self, who: &Person, button: &str, nth: usize) {
        let cards = self.cards_with(button);
        let Some(card) = cards.get(nth % cards.len().max(1)).or(cards.last()) else { return };
        who.clicks_on(card, button).await;
        self.world.answered().await;
        for grant in self.world.all_grants().await {
            self.enter(&grant);
            let is_over = matches!(grant.state, GrantState::Ending { .. } | GrantState::Ended { .. });
            self.entries.get_mut(&grant.id).unwrap().is_ended |= is_over && button == "Revoke";
        }
    }

    fn cards_with(&self, button: &str) -> Vec<Message> {
        let label = format!("\"text\":\"{button}\"");
        let has = |it: &Message| it.present().blocks.iter().any(|block| block.to_string().contains(&label));
        self.world.slack.channel("requests").messages().into_iter().filter(has).collect()
    }

    async fn extend(&mut self, nth: usize, minutes: i64) {
        let Some((grant, holder)) = self.open_grant(nth).await else { return };
        let before = self.cards_with("Approve").len();
        holder.types(&format!("/jit extend {} {minutes}m", grant.code.grant())).await;
        self.world.settle().await;
        if self.cards_with("Approve").len() == before {
            // longer than the role allows
            return;
        }
        let [approver] = self.world.people(["approver"]);
        self.click(&approver, "Approve", before).await;
        let entry = self.entries.get_mut(&grant.id).unwrap();
        entry.ends_at += SignedDuration::from_mins(minutes);
    }

    async fn end(&mut self, nth: usize) {
        let Some((grant, holder)) = self.open_grant(nth).await else { return };
        holder.types(&format!("/jit end {}", grant.code.grant())).await;
        self.entries.get_mut(&grant.id).unwrap().is_ended = true;
    }

    /// One of the grants that cover something, and who holds it.
    async fn open_grant(&self, nth: usize) -> Option<(Grant, Person)> {
        let mut open = self.world.all_grants().await;
        open.retain(|grant| grant.covers(self.world.now()));
        let grant = open.get(nth % open.len().max(1))?.clone();
        let holder = self.people.iter().find(|person| person.id() == grant.holder.to_string())?;
        Some((grant, holder.clone()))
    }

    /// Takes a new grant into the books.
    fn enter(&mut self, grant: &Grant) {
        let who = self.people.iter().position(|person| person.id() == grant.holder.to_string()).unwrap();
        let opens = ROLES.iter().find(|(name, _)| RoleName((*name).to_owned()) == grant.role).unwrap().1;
        let thing = |number: &usize| if *number == 2 { Thing::Member } else { Thing::Set { who, set: *number } };
        let entry = Entry {
            things: opens.iter().map(thing).collect(),
            has_policy: grant.role.as_str() == "incident",
            ends_at: grant.ends_at,
            is_ended: false,
            may_fail: self.is_disturbed(),
        };
        self.entries.entry(grant.id).or_insert(entry);
    }

    /// Whether something may keep a grant from being given.
    fn is_disturbed(&self) -> bool {
        self.is_troubled || !self.standing.is_empty()
    }

    fn go_wrong(&mut self, how: Trouble, giving: bool, times: usize) {
        self.is_troubled = true;
        let calls = if giving { GIVING } else { TAKING };
        let (center, iam) = match how {
            Trouble::Throttled => (Fault::TOO_MANY, Fault::THROTTLING),
            Trouble::Conflicting => {
                (Fault::CONFLICT, Fault::Refuse { status: 409, code: "EntityTemporarilyUnmodifiable", message: "" })
            }
            Trouble::DoneAndBroken => (Fault::FailAfter, Fault::FailAfter),
            Trouble::DoneAndSilent => (Fault::DropAfter, Fault::DropAfter),
            Trouble::Twice => (Fault::Twice, Fault::Twice),
            Trouble::InProgress | Trouble::Failed => {
                let fails = matches!(how, Trouble::Failed).then_some("Received a 500 status error");
                return self.world.cloud.slow(calls[0], times, Slow { lasts: seconds(20), fails, ..Slow::default() });
            }
        };
        self.world.fail_all(&calls[..1], times, &center);
        // the SDK itself repeats calls to IAM
        self.world.fail_all(&calls[1..], times.saturating_mul(3), &iam);
    }

    /// AWS is well again, and the bot has had the time to notice.
    async fn mend(&mut self) {
        self.world.cloud.heal();
        self.world.advance(minutes(8)).await;
        self.is_troubled = false;
    }

    async fn taken_by_hand(&mut self, what: usize) {
        if self.is_troubled {
            return;
        }
        let there = self.there().await;
        let Some(thing) = there.iter().nth(what % there.len().max(1)).copied() else { return };
        let cloud = &self.world.cloud;
        match thing {
            Thing::Set { who, set } => cloud.unassign(MEMBER, &self.estate.sets[set], &self.user(who)).await,
            Thing::Member => cloud.leave(&self.estate.iam_user, &self.estate.group).await,
        }
        self.standing.remove(&thing);
        self.world.advance(minutes(16)).await;
    }

    /// Only what no grant is or was at, so that it is clear whose it is.
    async fn given_by_hand(&mut self, what: usize) {
        let long_ago = self.world.now() - minutes(STILL_OURS);
        let there = self.there().await;
        let all = [0, 1].into_iter().flat_map(|who| [0, 1].map(|set| Thing::Set { who, set }));
        let free = all.chain([Thing::Member]).filter(|it| !there.contains(it));
        let free: Vec<Thing> = free.filter(|it| self.touched.get(it).is_none_or(|at| *at < long_ago)).collect();
        let Some(thing) = free.get(what % free.len().max(1)).copied() else { return };
        if self.is_troubled {
            return;
        }
        let cloud = &self.world.cloud;
        match thing {
            Thing::Set { who, set } => cloud.assign(MEMBER, &self.estate.sets[set], &self.user(who)).await,
            Thing::Member => cloud.join(&self.estate.iam_user, &self.estate.group).await,
        }
        self.standing.insert(thing);
        self.world.advance(minutes(16)).await;
    }

    fn user(&self, who: usize) -> String {
        self.estate.users[self.people[who].id()].clone()
    }

    /// What moto has.
    async fn there(&self) -> BTreeSet<Thing> {
        let (cloud, mut there) = (&self.world.cloud, BTreeSet::new());
        for set in [0, 1] {
            let assigned = cloud.assigned(MEMBER, &self.estate.sets[set]).await;
            let distinct: BTreeSet<&String> = assigned.iter().collect();
            assert_eq!(distinct.len(), assigned.len(), "AWS keeps no assignment twice");
            there.extend(
                [0, 1].into_iter().filter(|who| assigned.contains(&self.user(*who))).map(|who| Thing::Set { who, set }),
            );
        }
        if cloud.members(&self.estate.group).await.contains(&self.estate.iam_user) {
            there.insert(Thing::Member);
        }
        there
    }

    /// Nothing is said that is not so; and when nothing stands in the way, all is as it should be.
    async fn compare(&mut self, when: &str) {
        let now = self.world.now();
        let accesses = self.world.accesses().await;
        let mut grants: BTreeMap<GrantId, Grant> = BTreeMap::new();
        for (_, grant) in &accesses {
            grants.insert(grant.id, grant.clone());
        }
        let there = self.there().await;
        let policies = self.world.cloud.policy_names(&self.estate.iam_user).await;
        let disturbed = self.is_disturbed();
        let (mut wanted, mut open) = (BTreeSet::new(), BTreeSet::new());
        for grant in grants.values() {
            self.enter(grant);
            let entry = self.entries.get_mut(&grant.id).unwrap();
            let story = format!("{when}, at {now}: {entry:?} {:?}", grant.state);
            assert_eq!(grant.ends_at, entry.ends_at, "{story}");
            entry.may_fail |= disturbed && matches!(grant.state, GrantState::Applying);
            let lives = now < entry.ends_at && !entry.is_ended;
            let policy = format!("jit-{}", grant.id);
            match &grant.state {
                GrantState::Active { .. } => {
                    assert!(lives, "it says that it is live: {story}");
                    let said = accesses.iter().filter(|(access, _)| access.grant == grant.id);
                    let all_live = said.clone().all(|(access, _)| access.state == AccessState::Live);
                    assert!(all_live || disturbed, "{story}");
                    assert!(entry.things.is_subset(&there), "it says that it is live: {story} {there:?}");
                    assert!(!entry.has_policy || policies.contains(&policy), "it says that it is live: {story}");
                    wanted.extend(entry.things.iter().copied());
                }
                GrantState::Ended { .. } => {
                    assert!(!lives, "it says that it has ended: {story}");
                    assert!(!policies.contains(&policy), "it says that it has ended: {story}");
                }
                GrantState::Failed { .. } => {
                    assert!(entry.may_fail, "nothing stood in its way: {story}");
                    assert!(!policies.contains(&policy), "it says that nothing is there: {story}");
                }
                GrantState::Applying | GrantState::Ending { .. } => {
                    assert!(self.is_troubled, "it has not come to rest: {story}");
                    open.extend(entry.things.iter().copied());
                }
            }
            if !matches!(state(grant), "ended" | "failed") {
                self.touched.extend(entry.things.iter().map(|thing| (*thing, now)));
            }
        }
        wanted.extend(self.standing.iter().copied());
        let left: Vec<&Thing> = there.iter().filter(|thing| !wanted.contains(thing) && !open.contains(thing)).collect();
        assert!(left.is_empty(), "{when}, at {now}: {left:?} is there for nobody");
        let missing: Vec<&Thing> = wanted.difference(&there).collect();
        assert!(missing.is_empty(), "{when}, at {now}: {missing:?} is missing");
    }

    /// All grants are ended, nothing is left, and nothing that must never happen has happened.
    async fn close(mut self) {
        self.take(&Step::Mend).await;
        self.compare("when all is mended").await;
        loop {
            let grants = self.world.all_grants().await;
            if !grants.iter().any(|grant| grant.covers(self.world.now())) {
                break;
            }
            self.end(0).await;
        }
        self.world.advance(minutes(2)).await;
        self.compare("when all has ended").await;
        self.world.cloud.heal();
        self.world.glance();
        self.world.everything_is_read();
        let standing = self.world.accesses().await.into_iter().map(|(access, _)| access.key);
        if !self.standing.is_empty() {
            self.world.standing.extend(standing);
        }
        self.world.finish().await;
    }
}
