//! Turns Slack's inline markup into what a reader sees: mentions as names, links as words, entities as characters.

use super::state::State;

/// A mrkdwn string as its reader sees it; `*bold*` and the like stay as typed.
pub(super) fn shown(state: &State, mrkdwn: &str) -> String {
    let mut shown = String::with_capacity(mrkdwn.len());
    let mut rest = mrkdwn;
    while let Some((before, after)) = rest.split_once('<') {
        shown.push_str(&decoded(before));
        // A token ends before anything else begins; a `<` that begins none is just that.
        let end = after.find(['<', '>']).filter(|end| after.as_bytes()[*end] == b'>');
        if let Some(end) = end {
            shown.push_str(&token_shown(state, &after[..end]));
            rest = &after[end + 1..];
        } else {
            shown.push('<');
            rest = after;
        }
    }
    shown.push_str(&decoded(rest));
    shown
}

/// A plain string as its reader sees it.
pub(super) fn decoded(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn token_shown(state: &State, token: &str) -> String {
    let (name, label) = token.split_once('|').map_or((token, None), |(name, label)| (name, Some(decoded(label))));
    if let Some(id) = name.strip_prefix('@') {
        state.users.get(id).map_or_else(|| format!("@{id}"), |user| format!("@{}", user.name))
    } else if let Some(id) = name.strip_prefix('#') {
        state.channels.get(id).map_or_else(|| format!("#{id}"), |channel| format!("#{}", channel.name))
    } else if let Some(id) = name.strip_prefix("!subteam^") {
        state.groups.get(id).map_or_else(|| format!("@{id}"), |group| format!("@{}", group.handle))
    } else if name.starts_with("!date^") {
        label.unwrap_or_else(|| "(a date without a fallback)".to_owned())
    } else if let Some(broadcast) = name.strip_prefix('!') {
        format!("@{broadcast}")
    } else {
        let url = decoded(name);
        label.map_or_else(|| url.clone(), |label| format!("{label} ({url})"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Group, User};
    use super::*;

    #[test]
    fn markup_becomes_words() {
        let mut state = State::new("T0ACME");
        let (user, group, channel) = (User::named("ann"), Group::of("oncall", ["ann"]), Channel::public("deploys"));
        state.users.insert(user.id.clone(), user);
        state.groups.insert(group.id.clone(), group);
        state.channels.insert(channel.id.clone(), channel);
        for (mrkdwn, expected) in [
            ("<@U0ANN> asks <!subteam^S0ONCALL> in <#C0DEPLOYS>", "@ann asks @oncall in #deploys"),
            ("until <!date^1763715600^{time}|09:00 UTC>", "until 09:00 UTC"),
            ("<https://x.example/?a=1&amp;b=2|here &amp; now>", "here & now (https://x.example/?a=1&b=2)"),
            ("&lt;!channel&gt; &amp;lt; <!here>", "<!channel> &lt; @here"),
            ("a < b, <@U0NOBODY>", "a < b, @U0NOBODY"),
        ] {
            assert_eq!(shown(&state, mrkdwn), expected);
        }
    }
}
