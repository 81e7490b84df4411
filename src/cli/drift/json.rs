//! What `jit drift` says to programs.

use serde_json::{Value, json};

use super::Report;
use crate::job::drift::{Asked, Fate, Followed, Held};

/// The report as one object.
pub(super) fn json(report: &Report) -> Value {
    let plan = &report.plan;
    let held = |all: &[Held]| all.iter().map(|held| one(report, held)).collect::<Vec<_>>();
    let foreign = plan
        .foreign
        .iter()
        .map(|it| json!({ "cloud": it.cloud.as_str(), "resource": it.live.resource, "principal": it.who }));
    let unanswered = plan
        .unanswered
        .iter()
        .map(|it| json!({ "cloud": it.cloud.as_str(), "about": it.place, "things_behind": it.more, "why": it.why }));
    let is_asked = |asked: &Asked| !asked.told.is_empty() || asked.calls.count() > 0;
    let asked = plan.asked.iter().filter(|(_, asked)| is_asked(asked)).map(|(cloud, asked)| {
        let calls = json!({ "things": asked.told.len(), "calls": asked.calls.count(), "by_name": asked.calls.0 });
        (cloud.as_str().to_owned(), calls)
    });
    let mended = report.mended.as_ref().map(|mended| {
        let one = |it: &Followed| {
            let mut one = one(report, &it.held);
            one["outcome"] = match &it.fate {
                Fate::Gone => "removed".into(),
                Fate::Live => "given_again".into(),
                Fate::NotYet { .. } => "not_yet".into(),
            };
            if let Fate::NotYet { why, failures, next } = &it.fate {
                one["why"] = json!(why);
                one["failures"] = json!(failures);
                one["next_try"] = json!(next);
            }
            one
        };
        mended.iter().map(one).collect::<Vec<_>>()
    });
    json!({
        "in_order": report.is_in_order() && plan.unanswered.is_empty(),
        "lingering": held(&plan.lingering),
        "missing": held(&plan.missing),
        "foreign": foreign.collect::<Vec<_>>(),
        "unanswered": unanswered.collect::<Vec<_>>(),
        "mended": mended,
        "asked": asked.collect::<serde_json::Map<_, _>>(),
    })
}

fn one(report: &Report, Held { access, grant }: &Held) -> Value {
    json!({
        "grant": grant.code.grant(),
        "grant_id": grant.id,
        "role": grant.role,
        "holder": grant.holder,
        "holder_name": report.names.get(&grant.holder),
        "ends_at": grant.ends_at,
        "cloud": access.key.provider.as_str(),
        "resource": access.key.resource,
    })
}
