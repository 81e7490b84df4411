//! Who plays: the people, user groups and channels of the workspace.
//!
//! The playground's own policy has a cast with names. For somebody's own, everybody whom the file names is there under
//! their id, and user groups get members enough to decide.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::Policy;
use crate::{
    config::Config,
    domain::{catalog::Requesters, people::Circle},
    playground::workspace::{Channel, ChannelKind, Group, User, Workspace},
};

/// The workspace of the playground. `jit serve` refuses a configuration that is for it.
pub(crate) use crate::domain::ids::PLAYGROUND_TEAM as TEAM;

/// Somebody one can play as.
#[derive(Debug, Clone)]
pub(super) struct Persona {
    pub(super) id: String,
    name: String,
    /// What they are here.
    pub(super) title: String,
    is_guest: bool,
}

/// Everybody and everything in the workspace.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) people: Vec<Persona>,
    groups: Vec<Group>,
    channels: Vec<Channel>,
    /// The channel that is open at first.
    pub(super) requests: String,
    pub(super) audit: String,
    pub(super) alerts: String,
}

/// Who is in the playground's own policy.
const OWN: [(&str, &str); 4] =
    [("Ann", "engineer"), ("Bob", "on call, approves"), ("Carol", "on call, approves"), ("Dana", "lead, approves")];

impl Cast {
    /// The cast for a policy.
    pub(super) fn of(config: &Config, policy: &Policy) -> Self {
        let (mut people, groups) = if policy.is_theirs { named_by(config, policy) } else { own() };
        people.push(Persona { is_guest: true, ..persona("Eve", "outsider, a guest") });
        if policy.is_theirs {
            people.insert(0, persona("Ann", "engineer"));
        }
        let slack = &config.slack;
        let [requests, audit, alerts] =
            [&slack.requests_channel, &slack.audit_channel, &slack.alerts_channel].map(ToString::to_string);
        let mut channels = BTreeMap::new();
        for role in config.catalog.roles.values() {
            channels.insert(role.channel.to_string(), format!("requests-{}", role.name));
        }
        channels.insert(alerts.clone(), "access-alerts".to_owned());
        channels.insert(audit.clone(), "access-audit".to_owned());
        channels.insert(requests.clone(), "access-requests".to_owned());
        // The guest was let into the channel with the requests, so that it can be seen what that does not allow.
        let guests = |id: &str| if id == requests { BTreeSet::from(["U0EVE".to_owned()]) } else { BTreeSet::new() };
        let channels = channels.into_iter().map(|(id, name)| Channel {
            members: guests(&id),
            kind: ChannelKind::Public,
            id,
            ..Channel::public(&name)
        });
        let mut channels: Vec<Channel> = channels.collect();
        channels.sort_by_key(|channel| {
            (channel.id != requests, channel.name.starts_with("access-"), channel.name != "access-audit")
        });
        Self { people, groups, channels, requests, audit, alerts }
    }

    /// The ids of the channels, those with the cards first.
    pub(super) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.id.as_str())
    }

    /// Lets everybody in.
    pub(super) fn enter(&self, workspace: &Workspace) {
        for persona in &self.people {
            let handle = persona.name.to_lowercase().replace(' ', "-");
            workspace.add_user(User {
                id: persona.id.clone(),
                real_name: persona.name.clone(),
                is_restricted: persona.is_guest,
                team_id: TEAM.to_owned(),
                ..User::named(&handle)
            });
        }
        self.groups.iter().cloned().for_each(|group| workspace.add_group(group));
        self.channels.iter().cloned().for_each(|channel| workspace.add_channel(channel));
    }
}

fn persona(name: &str, title: &str) -> Persona {
    let id = format!("U0{}", name.to_uppercase());
    Persona { id, name: name.to_owned(), title: title.to_owned(), is_guest: false }
}

fn own() -> (Vec<Persona>, Vec<Group>) {
    let people = OWN.map(|(name, title)| persona(name, title)).into();
    let groups = vec![
        Group::of("oncall", ["bob", "carol"]),
        Group::of("leads", ["dana"]),
        Group::of("staff", ["ann", "bob", "carol", "dana"]),
    ];
    (people, groups)
}

/// Everybody whom somebody's own configuration names, with what it names them for.
fn named_by(config: &Config, policy: &Policy) -> (Vec<Persona>, Vec<Group>) {
    let mut part: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut quorum: BTreeMap<String, usize> = BTreeMap::new();
    for role in config.catalog.roles.values() {
        let approving = role.rules.iter().map(|rule| (&rule.approvers, "approves", usize::from(rule.approvals.get())));
        let asking = match &role.requesters {
            Requesters::Everybody => None,
            Requesters::Only(circle) => Some((circle, "asks for", 1)),
        };
        for (circle, does, needed) in approving.chain(asking) {
            let Circle { users, user_groups } = circle;
            for id in users {
                part.entry(id.to_string()).or_default().insert(format!("{does} {}", role.name));
            }
            for id in user_groups {
                let most = quorum.entry(id.to_string()).or_default();
                *most = needed.max(*most);
            }
        }
    }
    for id in config.catalog.aliases.keys() {
        part.entry(id.to_string()).or_default();
    }
    let listed = |does: BTreeSet<String>| does.into_iter().collect::<Vec<_>>().join(", ");
    let title = |does: BTreeSet<String>| if does.is_empty() { "named in the file".to_owned() } else { listed(does) };
    let named =
        part.into_iter().map(|(id, does)| Persona { name: id.clone(), title: title(does), id, is_guest: false });
    let mut people: Vec<Persona> = named.collect();
    let mut groups = Vec::new();
    for (id, needed) in quorum {
        let handle = policy.handles.get(&id).cloned().unwrap_or_else(|| id.to_lowercase());
        let mut members = Vec::new();
        // One more than has to decide, so that a member can ask as well.
        for number in 1..=needed + 1 {
            let member = format!("{id}N{number}").replacen('S', "U", 1);
            let (name, title) = (format!("{handle} {number}"), format!("in @{handle}"));
            people.push(Persona { id: member.clone(), name, title, is_guest: false });
            members.push(member);
        }
        groups.push(Group { id, handle, members });
    }
    (people, groups)
}
