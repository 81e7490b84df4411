//! The rules of Privileged Identity Management, one by one.

use serde_json::json;

use super::*;

const SCOPE: &str = "/subscriptions/dfa2a084-766f-4003-8ae1-c4aeb893a99f";

struct Story {
    pim: Pim,
    now: Timestamp,
    defects: Vec<String>,
    sent: u32,
}

impl Story {
    fn new() -> Self {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        Self { pim: Pim::default(), now, defects: Vec::new(), sent: 0 }
    }

    fn thing() -> Thing {
        Thing::resource(SCOPE, "b24988ac-6180-42a0-ab88-20f7382dd24c")
    }

    fn send(&mut self, action: Action, minutes: i64) -> Result<String, &'static str> {
        self.sent += 1;
        let write = Write {
            id: guid(&format!("write {}", self.sent)),
            thing: Self::thing(),
            principal: "ada".to_owned(),
            action,
            justification: Some("REQ-1".to_owned()),
            ticket: None,
            start: None,
            ends: (minutes > 0).then_some(Ends::After(SignedDuration::from_mins(minutes))),
            sent_at: self.now,
            body: json!({}),
        };
        let done = self.pim.write(write, self.now, &mut self.defects);
        done.map(|request| request.status).map_err(|(_, code, _)| code)
    }

    fn pass(&mut self, seconds: i64) -> &mut Self {
        self.now += SignedDuration::from_secs(seconds);
        self.pim.catch_up(self.now);
        self
    }

    fn is_there(&self) -> bool {
        self.pim.active(&Self::thing(), "ADA", self.now).is_some()
    }

    fn is_listed(&self) -> bool {
        !self.pim.listed(self.now, false).is_empty()
    }
}

#[test]
fn what_is_assigned_is_unique_is_seen_late_and_ends_by_itself() {
    let mut story = Story::new();
    assert_eq!(story.send(Action::Assign, 30).unwrap(), "Provisioned");
    assert!(story.is_there() && !story.is_listed());
    assert_eq!(story.send(Action::Assign, 30), Err("RoleAssignmentExists"));
    assert_eq!(story.send(Action::Remove, 0), Err("RoleAssignmentDoesNotExist"), "nobody has told that part of Azure");
    story.pass(59);
    assert!(story.is_listed());
    assert_eq!(story.send(Action::Remove, 0), Err("RoleAssignmentDoesNotExist"));
    assert_eq!(story.pass(1).send(Action::Remove, 0), Err("ActiveDurationTooShort"));
    assert_eq!(story.pass(239).send(Action::Remove, 0), Err("ActiveDurationTooShort"));
    story.pass(1500);
    assert!(story.is_there());
    story.pass(1);
    assert!(!story.is_there() && !story.is_listed());
    assert_eq!(story.send(Action::Assign, 30).unwrap(), "Provisioned");
}

#[test]
fn what_is_removed_is_gone_at_once_listed_for_a_while_and_in_the_way_of_the_next() {
    let mut story = Story::new();
    story.send(Action::Assign, 30).unwrap();
    assert_eq!(story.pass(300).send(Action::Remove, 0).unwrap(), "Revoked");
    assert!(!story.is_there() && story.is_listed());
    assert_eq!(story.pass(99).send(Action::Assign, 30), Err("RoleAssignmentExists"));
    assert_eq!(story.pass(1).send(Action::Assign, 30).unwrap(), "Provisioned");
    story.pass(140);
    assert_eq!(story.pim.listed(story.now, false).len(), 1, "only the new one");
    assert_eq!(story.defects, Vec::<String>::new());
}

#[test]
fn more_time_moves_the_end_and_changes_the_schedule() {
    let mut story = Story::new();
    assert_eq!(story.send(Action::Update, 60), Err("RoleAssignmentDoesNotExist"));
    story.send(Action::Assign, 30).unwrap();
    let first = story.pim.schedules[0].clone();
    assert_eq!(story.pass(60).send(Action::Update, 60).unwrap(), "Provisioned");
    let now = story.pim.schedules[0].clone();
    assert!(now.id != first.id && now.ends_at == Some(story.now + SignedDuration::from_mins(60)));
    assert_eq!(now.listed_end(story.now), first.ends_at, "lists do not know yet");
    story.pass(34);
    assert_eq!(now.listed_end(story.now), now.ends_at);
}

#[test]
fn the_tenants_rules_are_named() {
    let mut story = Story::new();
    assert_eq!(story.send(Action::Assign, 4), Err("RoleAssignmentRequestPolicyValidationFailed"));
    assert_eq!(story.send(Action::Assign, 0), Err("RoleAssignmentRequestPolicyValidationFailed"));
    let strict = Policy { most: SignedDuration::from_mins(20), ticket: true, mfa: true, justification: true };
    story.pim.policies.insert(Story::thing(), strict);
    story.sent += 1;
    let write = Write {
        id: guid("strict"),
        thing: Story::thing(),
        principal: "ada".to_owned(),
        action: Action::Assign,
        justification: None,
        ticket: Some(" ".to_owned()),
        start: None,
        ends: Some(Ends::At(story.now + SignedDuration::from_mins(21))),
        sent_at: story.now,
        body: json!({}),
    };
    let (status, _, words) = story.pim.write(write, story.now, &mut story.defects).unwrap_err();
    assert_eq!(
        (status, &*words),
        (400, r#"The following policy rules failed: ["ExpirationRule","JustificationRule","TicketingRule","MfaRule"]"#)
    );
}

#[test]
fn what_azure_is_slow_at_counts_from_when_it_is_done_and_may_fail() {
    let mut story = Story::new();
    let slow = Slow { status: "PendingProvisioning", lasts: SignedDuration::from_secs(90), fails: None };
    story.pim.slow(Action::Assign, 1, slow);
    assert_eq!(story.send(Action::Assign, 30).unwrap(), "PendingProvisioning");
    assert!(!story.is_there());
    assert_eq!(story.send(Action::Assign, 30), Err("PendingRoleAssignmentRequest"));
    story.pass(90);
    assert!(story.is_there());
    assert_eq!(story.pim.requests[0].status, "Provisioned");
    story.pass(1_799);
    assert!(story.is_there(), "it began late");
    story.pass(1);
    assert!(!story.is_there());
    story.pim.slow(Action::Assign, 1, Slow { fails: Some("Failed"), ..slow });
    story.send(Action::Assign, 30).unwrap();
    story.pass(90);
    assert!(!story.is_there());
    assert_eq!(story.pim.requests.last().unwrap().status, "Failed");
    story.pim.slow(Action::Assign, 1, slow);
    story.send(Action::Assign, 30).unwrap();
    let id = story.pim.requests.last().unwrap().write.id.clone();
    assert!(story.pim.cancel(&id.to_uppercase(), story.now) && !story.pim.cancel(&id, story.now));
    story.pass(90);
    assert!(!story.is_there());
}

#[test]
fn what_is_to_begin_later_is_granted_and_cannot_be_removed_before() {
    let mut story = Story::new();
    let write = Write {
        id: guid("later"),
        thing: Story::thing(),
        principal: "ada".to_owned(),
        action: Action::Assign,
        justification: Some("REQ-1".to_owned()),
        ticket: None,
        start: Some(story.now + SignedDuration::from_mins(3)),
        ends: Some(Ends::After(SignedDuration::from_mins(30))),
        sent_at: story.now,
        body: json!({}),
    };
    let request = story.pim.write(write, story.now, &mut story.defects).unwrap();
    assert_eq!(request.status, "Granted");
    assert_eq!(story.pass(60).send(Action::Remove, 0), Err("RoleAssignmentDoesNotExist"));
    assert!(!story.is_there());
    assert_eq!(story.pim.listed(story.now, true).len(), 1);
    story.pass(120);
    assert!(story.is_there());
}

#[test]
fn to_take_away_what_somebody_else_has_given_works_and_is_a_defect() {
    let mut story = Story::new();
    story.pim.stand(Story::thing(), "ADA", story.now - SignedDuration::from_hours(1), None);
    assert!(story.is_there() && story.is_listed());
    assert_eq!(story.send(Action::Remove, 0).unwrap(), "Revoked");
    assert!(!story.is_there());
    assert!(story.defects[0].contains("somebody else"), "{:?}", story.defects);
}
