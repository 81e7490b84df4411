//! `auth.*`, `users.*` and `usergroups.*`: who is there.

#![expect(clippy::unnecessary_wraps, reason = "all methods have the one signature that the table of methods wants")]

use serde_json::{Value, json};

use super::{Refusal, method::Invocation};
use crate::playground::workspace::{Group, User};

pub(super) fn auth_test(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let (team, app) = (&call.state.team, &call.state.app);
    let user = call.state.users.get(&app.user_id).map(|user| &user.name);
    Ok(json!({
        "url": format!("https://{}.slack.com/", team.domain), "team": team.name, "team_id": team.id,
        "user": user, "user_id": app.user_id, "bot_id": app.bot_id, "app_id": app.id, "is_enterprise_install": false,
    }))
}

pub(super) fn info(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let user = call.state.users.get(call.args.required("user"));
    let user = user.ok_or_else(|| Refusal::new("user_not_found"))?;
    Ok(json!({ "user": described(call, user) }))
}

pub(super) fn list(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let members: Vec<Value> = call.state.users.values().map(|user| described(call, user)).collect();
    let cache_ts = call.now.as_second();
    Ok(json!({ "members": members, "cache_ts": cache_ts, "response_metadata": { "next_cursor": "" } }))
}

pub(super) fn by_email(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let email = call.args.required("email");
    let has_it = |user: &&User| user.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email));
    let user = call.state.users.values().filter(|user| !user.is_deleted).find(has_it);
    let user = user.ok_or_else(|| Refusal::new("users_not_found"))?;
    Ok(json!({ "user": described(call, user) }))
}

pub(super) fn groups(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let with_users = call.args.flag("include_users");
    let groups: Vec<Value> = call.state.groups.values().map(|group| group_described(call, group, with_users)).collect();
    Ok(json!({ "usergroups": groups }))
}

pub(super) fn group_members(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let group = call.state.groups.get(call.args.required("usergroup"));
    let group = group.ok_or_else(|| Refusal::new("no_such_subteam"))?;
    Ok(json!({ "users": group.members }))
}

fn described(call: &Invocation<'_>, user: &User) -> Value {
    let mut json = json!({
        "id": user.id, "team_id": user.team_id, "name": user.name, "real_name": user.real_name,
        "deleted": user.is_deleted, "is_bot": user.is_bot, "is_restricted": user.is_restricted,
        "is_ultra_restricted": false, "is_app_user": false, "is_admin": false, "is_owner": false,
        "is_primary_owner": false, "is_stranger": user.team_id != call.state.team.id,
        "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0, "updated": 1_700_000_000,
        "profile": {
            "real_name": user.real_name, "real_name_normalized": user.real_name, "display_name": user.name,
            "display_name_normalized": user.name, "team": user.team_id,
        },
    });
    // Slack leaves the address out for who may not read it, without a word.
    if call.state.app.scopes.contains("users:read.email")
        && let Some(email) = &user.email
    {
        json["profile"]["email"] = json!(email);
    }
    json
}

fn group_described(call: &Invocation<'_>, group: &Group, with_users: bool) -> Value {
    let mut json = json!({
        "id": group.id, "team_id": call.state.team.id, "is_usergroup": true, "is_subteam": true,
        "name": group.handle, "description": "", "handle": group.handle, "is_external": false,
        "date_create": 1_700_000_000, "date_update": 1_700_000_000, "date_delete": 0, "auto_type": null,
        "created_by": call.state.app.user_id, "updated_by": null, "deleted_by": null,
        "prefs": { "channels": [], "groups": [] }, "user_count": group.members.len(), "channel_count": 0,
    });
    if with_users {
        json["users"] = json!(group.members);
    }
    json
}
