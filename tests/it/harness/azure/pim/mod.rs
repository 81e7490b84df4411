//! Privileged Identity Management as it behaves: one assignment for each place and principal, none removed in its first
//! five minutes, none seen by writes at once, none gone from the lists at once, and each ended by its own end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit::domain::catalog::Target;
use serde_json::Value;

use super::directory::guid;

#[cfg(test)]
mod tests;

/// Azure removes nothing younger, and assigns nothing for less.
pub const FIVE_MINUTES: SignedDuration = SignedDuration::from_mins(5);

/// Something that can be assigned. Ids are in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A role on a scope.
    Resource { scope: String, role: String },
    /// A role of the directory.
    Entra { role: String, directory_scope: String },
    /// A group, as `member` or `owner`.
    Group { group: String, access: String },
}

impl Thing {
    pub fn resource(scope: &str, role: &str) -> Self {
        Self::Resource { scope: scope.trim_end_matches('/').to_lowercase(), role: trailing(role) }
    }

    pub fn entra(role: &str, directory_scope: &str) -> Self {
        Self::Entra { role: role.to_lowercase(), directory_scope: directory_scope.to_lowercase() }
    }

    /// What a target of the bot's is here; nothing for other clouds.
    pub fn of(target: &Target) -> Option<Self> {
        match target {
            Target::AzureRole(role) => Some(Self::resource(&role.scope, &role.role_definition_id)),
            Target::EntraRole(role) => Some(Self::entra(&role.role_definition_id, &role.directory_scope)),
            Target::EntraGroup(group) => Some(Self::group(&group.group_id, group.access.as_str())),
            Target::AwsSts(_)
            | Target::AwsIdentityCenter(_)
            | Target::AwsIamPolicy(_)
            | Target::AwsIamGroup(_)
            | Target::Demo(_) => None,
        }
    }

    pub fn group(group: &str, access: &str) -> Self {
        Self::Group { group: group.to_lowercase(), access: access.to_lowercase() }
    }
}

/// The id at the end of a role definition's path.
pub fn trailing(role: &str) -> String {
    role.rsplit('/').next().unwrap_or_default().to_lowercase()
}

/// How long Azure takes until everybody knows.
#[derive(Debug, Clone, Copy)]
pub struct Lags {
    /// For so long after an assignment, removing or changing it is answered with `RoleAssignmentDoesNotExist`.
    pub settle_after_grant: SignedDuration,
    /// For so long after a removal, assigning again is answered with `RoleAssignmentExists`.
    pub settle_after_removal: SignedDuration,
    /// For so long lists do not show what was assigned, or show the end it had before.
    pub list_after_grant: SignedDuration,
    /// For so long lists still show what was removed.
    pub list_after_removal: SignedDuration,
}

impl Lags {
    /// As measured in the field.
    pub const REAL: Self = Self {
        settle_after_grant: SignedDuration::from_secs(60),
        settle_after_removal: SignedDuration::from_secs(100),
        list_after_grant: SignedDuration::from_secs(34),
        list_after_removal: SignedDuration::from_secs(240),
    };
}

/// What the tenant demands of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub most: SignedDuration,
    pub justification: bool,
    pub ticket: bool,
    pub mfa: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { most: SignedDuration::from_hours(24 * 90), justification: true, ticket: false, mfa: false }
    }
}

/// How long Azure is at something, and how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Slow {
    /// What it says meanwhile.
    pub status: &'static str,
    /// For how long, by the test's clock.
    pub lasts: SignedDuration,
    /// What it says in the end, when it is not done.
    pub fails: Option<&'static str>,
}

/// What a write is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Assign,
    Update,
    Remove,
}

/// A write, as it arrived.
#[derive(Debug, Clone)]
pub struct Write {
    pub id: String,
    pub thing: Thing,
    pub principal: String,
    pub action: Action,
    pub justification: Option<String>,
    pub ticket: Option<String>,
    pub start: Option<Timestamp>,
    pub ends: Option<Ends>,
    /// When it arrived: it may be done much later.
    pub sent_at: Timestamp,
    /// What was sent, to be echoed.
    pub body: Value,
}

/// Until when.
#[derive(Debug, Clone, Copy)]
pub enum Ends {
    After(SignedDuration),
    At(Timestamp),
}

/// One write and what came of it.
#[derive(Debug, Clone)]
pub struct Request {
    pub write: Write,
    pub made_at: Timestamp,
    pub status: String,
    pub schedule: Option<String>,
    /// Until when Azure is at it, and how it ends then.
    under_way: Option<(Timestamp, Option<&'static str>)>,
}

/// One assignment.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub id: String,
    pub thing: Thing,
    pub principal: String,
    pub by_bot: bool,
    pub assigned_at: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    /// When it was to end as the bot saw it when it asked: Azure counts from when it is done.
    pub meant_to_end: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
    /// What lists still show, and until when.
    before: Option<(Option<Timestamp>, Timestamp)>,
}

impl Schedule {
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.is_owed(now)
    }

    /// Active, or still to come.
    fn is_owed(&self, now: Timestamp) -> bool {
        self.removed_at.is_none() && self.ends_at.is_none_or(|end| end > now)
    }

    fn is_of(&self, thing: &Thing, principal: &str) -> bool {
        self.thing == *thing && self.principal == principal
    }

    /// The end that lists show now.
    pub fn listed_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.before.filter(|(_, until)| *until > now).map_or(self.ends_at, |(end, _)| end)
    }
}

/// Why a write was refused: status, code, words.
pub type Refusal = (u16, &'static str, String);

/// All of it.
#[derive(Debug, Default)]
pub struct Pim {
    pub requests: Vec<Request>,
    pub schedules: Vec<Schedule>,
    pub policies: BTreeMap<Thing, Policy>,
    pub lags: Option<Lags>,
    slow: Vec<(Action, usize, Slow)>,
    made: u32,
}

impl Pim {
    pub fn slow(&mut self, action: Action, times: usize, slow: Slow) {
        self.slow.push((action, times, slow));
    }

    pub fn hurry(&mut self) {
        self.slow.clear();
    }

    fn lags(&self) -> Lags {
        self.lags.unwrap_or(Lags::REAL)
    }

    /// What somebody else does. No five minutes, no lag: it was long ago.
    pub fn stand(&mut self, thing: Thing, principal: &str, since: Timestamp, ends_at: Option<Timestamp>) {
        let schedule = Schedule {
            id: self.next_id(),
            thing,
            principal: principal.to_lowercase(),
            by_bot: false,
            assigned_at: since,
            starts_at: since,
            ends_at,
            meant_to_end: ends_at,
            removed_at: None,
            before: None,
        };
        self.schedules.push(schedule);
    }

    /// Somebody else takes away whatever is there.
    pub fn strip(&mut self, thing: &Thing, principal: &str, at: Timestamp) {
        let principal = principal.to_lowercase();
        for schedule in self.schedules.iter_mut().filter(|it| it.is_of(thing, &principal) && it.is_owed(at)) {
            schedule.removed_at = Some(at);
        }
    }

    pub fn active(&self, thing: &Thing, principal: &str, now: Timestamp) -> Option<&Schedule> {
        let principal = principal.to_lowercase();
        self.schedules.iter().find(|it| it.is_of(thing, &principal) && it.is_active(now))
    }

    /// What lists show of each schedule at this moment; with those to come when `future`.
    pub fn listed(&self, now: Timestamp, future: bool) -> Vec<&Schedule> {
        let lags = self.lags();
        let shows = |it: &&Schedule| {
            let known = it.assigned_at + lags.list_after_grant <= now || !it.by_bot;
            match it.removed_at {
                Some(removed_at) => known && now < removed_at + lags.list_after_removal,
                None if future => known && it.is_owed(now),
                None => known && it.is_active(now),
            }
        };
        self.schedules.iter().filter(shows).collect()
    }

    pub fn request(&self, id: &str) -> Option<&Request> {
        self.requests.iter().find(|it| it.write.id.eq_ignore_ascii_case(id))
    }

    /// Finishes what is ripe.
    pub fn catch_up(&mut self, now: Timestamp) {
        for place in 0..self.requests.len() {
            let Some((until, fails)) = self.requests[place].under_way.filter(|(until, _)| *until <= now) else {
                continue;
            };
            self.requests[place].under_way = None;
            match fails {
                Some(status) => status.clone_into(&mut self.requests[place].status),
                None => self.finish(place, until),
            }
        }
    }

    /// A write: the request that it becomes, or why not. What it breaks that only a careless client breaks goes to
    /// `defects`.
    pub fn write(&mut self, write: Write, now: Timestamp, defects: &mut Vec<String>) -> Result<Request, Refusal> {
        self.catch_up(now);
        if self.request(&write.id).is_some() {
            return Err((409, "RoleAssignmentRequestExists", "The request already exists.".to_owned()));
        }
        if self
            .requests
            .iter()
            .any(|it| it.under_way.is_some() && it.write.thing == write.thing && it.write.principal == write.principal)
        {
            let words = "There is already an existing pending Role assignment request.".to_owned();
            return Err((400, "PendingRoleAssignmentRequest", words));
        }
        self.judge(&write, now)?;
        if write.action != Action::Assign
            && let Some(standing) = self.owed(&write, now).filter(|it| !it.by_bot)
        {
            defects.push(format!("{:?} of what somebody else has assigned: {standing:?}", write.action));
        }
        if let Some(Ends::After(lasts)) = write.ends
            && lasts > SignedDuration::from_hours(24 * 365)
        {
            defects.push(format!("an assignment for {lasts:#}"));
        }
        let slow =
            self.slow.iter_mut().find(|(on, times, _)| *on == write.action && *times > 0).map(|(_, times, slow)| {
                *times -= 1;
                *slow
            });
        let under_way = slow.map(|slow| (now + slow.lasts, slow.fails));
        let status = slow.map_or_else(String::new, |slow| slow.status.to_owned());
        self.requests.push(Request { write, made_at: now, status, schedule: None, under_way });
        let place = self.requests.len() - 1;
        if under_way.is_none() {
            self.finish(place, now);
        }
        Ok(self.requests[place].clone())
    }

    fn owed(&self, write: &Write, now: Timestamp) -> Option<&Schedule> {
        self.schedules.iter().find(|it| it.is_of(&write.thing, &write.principal) && it.is_owed(now))
    }

    fn judge(&self, write: &Write, now: Timestamp) -> Result<(), Refusal> {
        let exists = || (400, "RoleAssignmentExists", "The Role assignment already exists.".to_owned());
        let missing = || (400, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.".to_owned());
        let too_short = || {
            let words = "The Active duration is too short. Miniumum Required is 5 minutes.".to_owned();
            (400, "ActiveDurationTooShort", words)
        };
        let lags = self.lags();
        let there = self.owed(write, now);
        match write.action {
            Action::Assign => {
                self.obeys_policy(write, now)?;
                let is_torn_down = self.schedules.iter().any(|it| {
                    it.is_of(&write.thing, &write.principal)
                        && it.removed_at.is_some_and(|at| now < at + lags.settle_after_removal)
                });
                if there.is_some() || is_torn_down {
                    return Err(exists());
                }
            }
            Action::Update | Action::Remove => {
                let there = there.filter(|it| it.starts_at <= now).ok_or_else(missing)?;
                if there.by_bot && now < there.assigned_at + lags.settle_after_grant {
                    return Err(missing());
                }
                if write.action == Action::Update {
                    self.obeys_policy(write, now)?;
                } else if now < there.assigned_at + FIVE_MINUTES {
                    return Err(too_short());
                }
            }
        }
        Ok(())
    }

    fn obeys_policy(&self, write: &Write, now: Timestamp) -> Result<(), Refusal> {
        let policy = self.policies.get(&write.thing).copied().unwrap_or_default();
        let start = write.start.unwrap_or(now).max(now);
        let lasts = match write.ends {
            Some(Ends::After(lasts)) => lasts,
            Some(Ends::At(end)) => end.duration_since(start),
            None => SignedDuration::MAX,
        };
        let empty = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().is_empty();
        let rules = [
            ("ExpirationRule", lasts > policy.most || lasts < FIVE_MINUTES),
            ("JustificationRule", policy.justification && empty(&write.justification)),
            ("TicketingRule", policy.ticket && empty(&write.ticket)),
            ("MfaRule", policy.mfa),
        ];
        let broken: Vec<&str> = rules.iter().filter(|(_, is_broken)| *is_broken).map(|(name, _)| *name).collect();
        if broken.is_empty() {
            return Ok(());
        }
        let words = format!("The following policy rules failed: {}", serde_json::to_string(&broken).unwrap());
        Err((400, "RoleAssignmentRequestPolicyValidationFailed", words))
    }

    fn finish(&mut self, place: usize, now: Timestamp) {
        let write = self.requests[place].write.clone();
        let starts_at = write.start.unwrap_or(now).max(now);
        let end_from = |start: Timestamp| match write.ends {
            Some(Ends::After(lasts)) => Some(start + lasts),
            Some(Ends::At(end)) => Some(end),
            None => None,
        };
        let meant_to_end = end_from(write.start.unwrap_or(write.sent_at).max(write.sent_at));
        let (id, lags) = (self.next_id(), self.lags());
        let status = match write.action {
            Action::Assign => {
                self.schedules.push(Schedule {
                    id: id.clone(),
                    thing: write.thing.clone(),
                    principal: write.principal.clone(),
                    by_bot: true,
                    assigned_at: now,
                    starts_at,
                    ends_at: end_from(starts_at),
                    meant_to_end,
                    removed_at: None,
                    before: None,
                });
                if starts_at > now { "Granted" } else { "Provisioned" }
            }
            Action::Update => {
                let there =
                    self.schedules.iter_mut().find(|it| it.is_of(&write.thing, &write.principal) && it.is_owed(now));
                let Some(there) = there else {
                    return "Failed".clone_into(&mut self.requests[place].status);
                };
                there.before = Some((there.ends_at, now + lags.list_after_grant));
                (there.id, there.ends_at, there.meant_to_end) = (id.clone(), end_from(starts_at), meant_to_end);
                "Provisioned"
            }
            Action::Remove => {
                for there in
                    self.schedules.iter_mut().filter(|it| it.is_of(&write.thing, &write.principal) && it.is_owed(now))
                {
                    there.removed_at = Some(now);
                }
                "Revoked"
            }
        };
        let request = &mut self.requests[place];
        status.clone_into(&mut request.status);
        request.schedule = (write.action != Action::Remove).then_some(id);
    }

    /// Takes back what has not begun; whether it could.
    pub fn cancel(&mut self, id: &str, now: Timestamp) -> bool {
        self.catch_up(now);
        let Some(request) = self.requests.iter_mut().find(|it| it.write.id.eq_ignore_ascii_case(id)) else {
            return false;
        };
        let is_pending = request.under_way.is_some() || request.status == "Granted";
        if is_pending {
            request.under_way = None;
            "Canceled".clone_into(&mut request.status);
            let schedule = request.schedule.clone();
            self.schedules.retain(|it| Some(&it.id) != schedule.as_ref());
        }
        is_pending
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        guid(&format!("schedule {}", self.made))
    }
}
