//! From what the store has to what goes over the wire, with the same words as in Slack and without its markup.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api,
    domain::{
        access::Access,
        catalog::{Nature, Role, Target},
        grant::{Grant, GrantState, HEARTBEAT},
        ids::UserId,
        plan::Plan,
        principal::Principal,
        request::{Denier, Request, RequestState},
    },
    slack::view::{answer, card, words},
    store::{StoreError, Tx},
    usecase::stuck,
};

/// What people are called, by their ids.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    pub(super) async fn of(tx: &mut Tx, ids: impl IntoIterator<Item = UserId>) -> Result<Self, StoreError> {
        let mut names = BTreeMap::new();
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            if let Some(person) = tx.lookup_person(&id).await? {
                names.insert(id.0, person.name);
            }
        }
        Ok(Self(names))
    }

    fn name(&self, id: &UserId) -> String {
        self.0.get(id.as_str()).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A text of ours for Slack, as it reads elsewhere: without markup, and with names in the place of ids.
    fn text(&self, mrkdwn: &str) -> String {
        let plain = words::plain(mrkdwn);
        let mut text = String::with_capacity(plain.len());
        for part in plain.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            match self.0.get(word) {
                Some(name) => {
                    text.push_str(name);
                    text.push_str(&part[word.len()..]);
                }
                None => text.push_str(part),
            }
        }
        text
    }
}

/// A request with what came of it.
pub(super) async fn request(tx: &mut Tx, request: Request) -> Result<api::Request, StoreError> {
    let approvals = tx.approvals_of(request.id).await?;
    let grant = match request.extends {
        Some(extended) => tx.lookup_grant(extended).await?,
        None => tx.lookup_grant_of(request.id).await?,
    };
    let names = Names::of(tx, people(&request, &approvals, grant.as_ref())).await?;
    let extends = grant.as_ref().filter(|_| request.extends.is_some()).map(|grant| grant.code.grant());
    let is_approved = matches!(request.state, RequestState::Approved { .. });
    let shown_grant = match grant.filter(|_| is_approved) {
        Some(grant) => Some(self::grant(tx, grant).await?),
        None => None,
    };
    let (decided_by, decision_text) = decision(&request, &approvals, &names);
    Ok(api::Request {
        id: request.id.0,
        name: request.code.request(),
        role: request.role.to_string(),
        holder: request.requester.to_string(),
        duration_seconds: request.duration().as_secs(),
        state: state(&request.state),
        asked_at: request.asked_at,
        decide_by: request.decide_by,
        waits_for: waits_for(&request, &names),
        approvals_needed: request.verdict.quorum.get(),
        approved_by: approvals.iter().map(|id| names.name(id)).collect(),
        decided_by,
        decision_text,
        extends,
        plan: request.plan.as_ref().map(plan),
        grant: shown_grant,
        reason: request.reason,
    })
}

fn people(request: &Request, approvals: &BTreeSet<UserId>, grant: Option<&Grant>) -> BTreeSet<UserId> {
    let denier = match &request.state {
        RequestState::Denied { by: Denier::Person(person), .. } => Some(person.clone()),
        RequestState::Denied { by: Denier::Cloud(_) | Denier::Policy(_), .. }
        | RequestState::Awaiting
        | RequestState::Approved { .. }
        | RequestState::Cancelled { .. }
        | RequestState::Lapsed { .. } => None,
    };
    let deciders = request.verdict.approvers.users.iter().chain(approvals).cloned();
    let approvers = grant.into_iter().flat_map(|grant| grant.approvers.clone());
    deciders.chain(approvers).chain(denier).chain(request.requester.person().cloned()).collect()
}

fn state(state: &RequestState) -> api::RequestState {
    match state {
        RequestState::Awaiting => api::RequestState::Awaiting,
        RequestState::Approved { .. } => api::RequestState::Approved,
        RequestState::Denied { .. } => api::RequestState::Denied,
        RequestState::Cancelled { .. } => api::RequestState::Cancelled,
        RequestState::Lapsed { .. } => api::RequestState::Lapsed,
    }
}

fn waits_for(request: &Request, names: &Names) -> String {
    match &request.state {
        RequestState::Awaiting => {
            let verdict = &request.verdict;
            let deciders = words::deciders(verdict, &request.requester);
            names.text(&format!("{} from {deciders}", words::approvals(verdict.quorum.get())))
        }
        RequestState::Approved { .. }
        | RequestState::Denied { .. }
        | RequestState::Cancelled { .. }
        | RequestState::Lapsed { .. } => String::new(),
    }
}

fn decision(request: &Request, approvals: &BTreeSet<UserId>, names: &Names) -> (Option<String>, Option<String>) {
    match &request.state {
        RequestState::Awaiting => (None, None),
        RequestState::Approved { .. } => {
            let by: Vec<String> = approvals.iter().map(|id| names.name(id)).collect();
            (Some(by.join(", ")), Some(format!("approved by {}", by.join(", "))))
        }
        RequestState::Denied { by, .. } => {
            let who = match by {
                Denier::Person(person) => names.name(person),
                Denier::Cloud(_) => "the cloud".to_owned(),
                Denier::Policy(_) => "the policy".to_owned(),
            };
            let text = format!("denied {}{}", card::denier(by), card::objection(by, ". "));
            (Some(who), Some(names.text(&text)))
        }
        RequestState::Cancelled { .. } => {
            let who = request.requester.person().map_or_else(|| request.requester.to_string(), |id| names.name(id));
            (Some(who), Some("withdrawn by the requester".to_owned()))
        }
        RequestState::Lapsed { .. } => {
            (None, Some(format!("lapsed: nobody decided by {}", request.decide_by.strftime("%Y-%m-%d %H:%M:%S UTC"))))
        }
    }
}

/// A grant as it stands.
pub(super) async fn grant(tx: &mut Tx, grant: Grant) -> Result<api::Grant, StoreError> {
    let accesses = tx.accesses_of(grant.id).await?;
    let heard_at = tx.heard_at(grant.id).await?;
    let plan = tx.load_request(grant.request).await?.plan;
    let people = grant.approvers.iter().chain(grant.holder.person()).cloned().collect::<BTreeSet<_>>();
    let names = Names::of(tx, people).await?;
    let is_open = matches!(grant.state, GrantState::Applying | GrantState::Active { .. });
    Ok(api::Grant {
        id: grant.id.0,
        name: grant.code.grant(),
        request_id: grant.request.0,
        role: grant.role.to_string(),
        holder: grant.holder.to_string(),
        state: grant_state(&grant.state),
        starts_at: grant.starts_at,
        ends_at: grant.ends_at,
        why: why(&grant, &accesses, &names),
        gives: accesses.iter().map(|access| gives(&access.target)).collect(),
        resources: accesses.iter().map(|access| access.key.resource.clone()).collect(),
        stuck: accesses.iter().any(stuck::is_stuck),
        end_confirmed: matches!(grant.state, GrantState::Ended { .. } | GrantState::Failed { .. }),
        plan: plan.as_ref().map(self::plan),
        next_heartbeat_by: heard_at.filter(|_| is_open).map(|at| at + HEARTBEAT),
    })
}

/// Where a grant stands, as the API names it.
pub(super) fn grant_state(state: &GrantState) -> api::GrantState {
    match state {
        GrantState::Applying => api::GrantState::Applying,
        GrantState::Active { .. } => api::GrantState::Active,
        GrantState::Ending { .. } => api::GrantState::Ending,
        GrantState::Ended { .. } => api::GrantState::Ended,
        GrantState::Failed { .. } => api::GrantState::Failed,
    }
}

fn why(grant: &Grant, accesses: &[Access], names: &Names) -> Option<String> {
    let notes: Vec<&str> = accesses.iter().filter_map(|access| access.note.as_deref()).collect();
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    match &grant.state {
        GrantState::Applying | GrantState::Active { .. } => notes,
        GrantState::Ending { cause, .. } => {
            let cause = names.text(&card::cause_words(grant, cause));
            Some(notes.map_or(cause.clone(), |notes| format!("{cause}; {notes}")))
        }
        GrantState::Ended { cause, .. } => Some(names.text(&card::cause_words(grant, cause))),
        GrantState::Failed { why, .. } => Some(why.clone()),
    }
}

/// A plan as it was told.
fn plan(plan: &Plan) -> api::Plan {
    let Plan { sha256, add, change, destroy, destroyed } = plan.clone();
    api::Plan { sha256, add, change, destroy, destroyed }
}

fn gives(target: &Target) -> api::Gives {
    match target.nature() {
        Nature::Session => api::Gives::Credentials,
        Nature::Assignment | Nature::PerGrant => api::Gives::Assignment,
    }
}

/// The target's type, as the configuration writes it.
fn type_name(target: &Target) -> String {
    let written = serde_json::to_value(target).unwrap_or_default();
    written["type"].as_str().unwrap_or_default().to_owned()
}

/// A role that somebody may ask for.
pub(super) fn role(role: &Role, names: &Names) -> api::Role {
    let rules = role.rules.iter().enumerate().map(|(place, rule)| names.text(&answer::rule_words(place, rule)));
    let target = |target: &Target| api::Target {
        kind: type_name(target),
        resource: target.resource().to_owned(),
        gives: gives(target),
    };
    api::Role {
        name: role.name.to_string(),
        description: role.description.clone(),
        min_duration_seconds: role.min_duration.as_secs(),
        max_duration_seconds: role.max_duration.as_secs(),
        default_duration_seconds: role.default_duration.as_secs(),
        reason_required: role.reason_required,
        ticket: role.ticket.as_ref().map(ToString::to_string),
        rules: rules.collect(),
        targets: role.targets.iter().map(target).collect(),
    }
}

/// Everybody whom a role's rules name.
pub(super) fn deciders(roles: &[Role]) -> impl Iterator<Item = UserId> {
    roles.iter().flat_map(|role| &role.rules).flat_map(|rule| rule.approvers.users.iter().cloned())
}

/// The name that people know somebody by.
pub(super) async fn name(tx: &mut Tx, principal: &Principal) -> Result<String, StoreError> {
    match principal {
        Principal::Person(id) => Ok(Names::of(tx, [id.clone()]).await?.name(id)),
        Principal::Workload(name) => Ok(name.to_string()),
    }
}
