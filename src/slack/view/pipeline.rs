//! What a card says of a pipeline and of the plan that it wants to run.
//!
//! Where it comes from was said by a proof that was verified. What the plan does was said by whoever asks, and the card
//! says so: what holds is the digest.

use url::Url;

use super::{draft::Draft, words};
use crate::domain::{plan::Plan, request::Request, session::Origin};

/// How many of the destroyed are named one by one.
const NAMED: usize = 8;

/// Whatever of it stands behind a request.
pub(super) fn behind(draft: Draft, request: &Request) -> Draft {
    let draft = request.origin.iter().fold(draft, origin);
    request.plan.iter().fold(draft, plan)
}

/// Where the pipeline comes from.
fn origin(draft: Draft, origin: &Origin) -> Draft {
    let part =
        |name: &str, value: &Option<String>| value.as_deref().map(|value| format!("{name} {}", words::quoted(value)));
    let mut parts: Vec<String> = [
        part("repository", &origin.repository),
        part("ref", &origin.reference),
        part("environment", &origin.environment),
        part("started by", &origin.actor),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(run) = origin.run.as_deref().and_then(|run| Url::parse(run).ok()) {
        parts.extend(words::link(&run, "the run"));
    }
    if parts.is_empty() {
        parts.push(format!("vouched for by {}", words::quoted(&origin.issuer)));
    }
    draft.say(format!("From {}", parts.join(", ")))
}

/// What the plan says that it does.
fn plan(draft: Draft, plan: &Plan) -> Draft {
    let destroy =
        if plan.destroys() { format!("*{} to destroy*", plan.destroy) } else { "nothing to destroy".to_owned() };
    let digest: String = plan.sha256.chars().take(16).collect();
    let draft = draft.say(format!(
        "For one plan alone, {}…, which by the word of whoever asks has {} to add, {} to change, {destroy}",
        words::quoted(&digest),
        plan.add,
        plan.change,
    ));
    if !plan.destroys() {
        return draft;
    }
    let named: Vec<String> = plan.destroyed.iter().take(NAMED).map(|address| words::quoted_short(address)).collect();
    let more = usize::try_from(plan.destroy).unwrap_or(usize::MAX).max(plan.destroyed.len()) - named.len();
    draft.say(match (named.is_empty(), more) {
        (true, _) => "It does not say what it destroys".to_owned(),
        (false, 0) => format!("Destroys {}", named.join(", ")),
        (false, more) => format!("Destroys {} and *{more} more*", named.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_destroyed_is_named_and_the_rest_is_counted() {
        let destroyed = (0..12).map(|n| format!("aws_db.main[{n}]")).collect();
        let big = Plan { sha256: "ab".repeat(32), add: 1, change: 0, destroy: 40, destroyed };
        let text = plan(Draft::default(), &big).finish().text;
        assert!(text.contains("*40 to destroy*"), "{text}");
        assert!(text.contains("`aws_db.main[7]` and *32 more*"), "{text}");
        let silent = Plan { destroyed: Vec::new(), ..big.clone() };
        assert!(plan(Draft::default(), &silent).finish().text.contains("It does not say what it destroys"));
        let harmless = Plan { destroy: 0, ..silent };
        assert!(plan(Draft::default(), &harmless).finish().text.ends_with("1 to add, 0 to change, nothing to destroy"));
    }

    #[test]
    fn a_run_can_be_looked_at() {
        let run = Origin {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            repository: Some("acme/web".to_owned()),
            reference: Some("refs/heads/main".to_owned()),
            environment: Some("production".to_owned()),
            actor: Some("octocat".to_owned()),
            run: Some("https://github.com/acme/web/actions/runs/42".to_owned()),
            run_id: Some("74/42/1".to_owned()),
        };
        assert_eq!(
            origin(Draft::default(), &run).finish().text,
            "From repository `acme/web`, ref `refs/heads/main`, environment `production`, started by `octocat`, \
             <https://github.com/acme/web/actions/runs/42|the run>"
        );
    }

    #[test]
    fn nobody_gets_markup_or_a_foreign_link_onto_a_card() {
        let evil = Origin {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            repository: Some("<!channel> `x` *y*".to_owned()),
            run: Some("javascript:alert(1)".to_owned()),
            ..Origin::default()
        };
        let text = origin(Draft::default(), &evil).finish().text;
        assert_eq!(text, "From repository `&lt;!channel&gt; 'x' *y*`");
    }
}
