//! What becomes of typed text on its way to the bot: Slack's "escape channels, users, and links".

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{ChannelKind, state::State};

/// A name with its sign, at the beginning or after a space; what follows a name, such as a full stop, is not part of it.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|\s)([@#])([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)").expect("the pattern is valid")
});

/// The text of a slash command as the bot gets it: `&`, `<` and `>` as entities, known names as mentions.
pub(super) fn escaped(state: &State, typed: &str) -> String {
    let entities = typed.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let with_mentions = NAMES.replace_all(&entities, |found: &Captures<'_>| {
        let mention = if &found[2] == "@" { mention(state, &found[3]) } else { channel(state, &found[3]) };
        mention.map_or_else(|| found[0].to_owned(), |mention| format!("{}{mention}", &found[1]))
    });
    with_mentions.into_owned()
}

fn mention(state: &State, name: &str) -> Option<String> {
    let user = state.users.values().find(|user| user.name == name).map(|user| format!("<@{}|{name}>", user.id));
    let group = || state.groups.values().find(|group| group.handle == name);
    user.or_else(|| group().map(|group| format!("<!subteam^{}|@{name}>", group.id)))
}

fn channel(state: &State, name: &str) -> Option<String> {
    let channel = state.channel_named(name)?;
    // The name of a private channel is left out, as in Slack.
    let name = if channel.kind == ChannelKind::Public { name } else { "" };
    Some(format!("<#{}|{name}>", channel.id))
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Group, User};
    use super::*;

    #[test]
    fn typed_text_is_escaped_and_names_are_resolved() {
        let mut state = State::new("T0ACME");
        let user = User::named("ann");
        state.users.insert(user.id.clone(), user);
        let (public, private) = (Channel::public("deploys"), Channel::private("secrets", ["ann"]));
        let group = Group::of("oncall", ["ann"]);
        state.channels.insert(public.id.clone(), public);
        state.channels.insert(private.id.clone(), private);
        state.groups.insert(group.id.clone(), group);
        for (typed, expected) in [
            ("fix <!channel> & run", "fix &lt;!channel&gt; &amp; run"),
            ("for @ann.", "for <@U0ANN|ann>."),
            ("ask @oncall in #deploys", "ask <!subteam^S0ONCALL|@oncall> in <#C0DEPLOYS|deploys>"),
            ("#secrets", "<#C0SECRETS|>"),
            ("mail ann@acme.example or @nobody", "mail ann@acme.example or @nobody"),
        ] {
            assert_eq!(escaped(&state, typed), expected);
        }
    }
}
