//! The small parts that texts are made of.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use url::Url;

use crate::{
    domain::{
        aws::Caveat,
        ids::{UserGroupId, UserId},
        people::Circle,
        policy::Verdict,
        principal::Principal,
        text::visible,
        time,
    },
    slack::message::shortened,
};

/// How many people are named one by one before the rest are only counted.
const NAMED: usize = 12;
/// How many characters a reason may take where a line has to do, as Slack counts them: with entities.
const BRIEF: usize = 300;

/// Takes the three letters that are special to Slack out of a text.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What people should know about how an access ends.
#[must_use]
pub fn caveat(caveat: Caveat) -> String {
    match caveat {
        Caveat::GroupHasNoEnd => {
            "AWS does not end a group membership by itself: it lasts until I have taken it away, which I try at the end \
             and from then on until it is gone."
                .to_owned()
        }
        Caveat::SessionsRunOn { up_to } => sessions_run_on(up_to),
        Caveat::AzureTakesItsTime => {
            "Azure can take up to ten minutes until it counts, and as long after the end; sign in again to see it sooner. It \
             takes nothing away in the first five minutes."
                .to_owned()
        }
    }
}

/// What does not end with a grant, for whoever is about to end one.
pub const UNLESS_COVERED: &str = " What another live grant covers too stays open until that one ends.";

/// What has not ended with a grant.
#[must_use]
pub fn stays_open(other: &str) -> String {
    format!("{other} covers the same: that stays open until {other} ends.")
}

/// That an end does not reach sessions which are open then. Short: it is read at night, on a telephone.
#[must_use]
pub fn sessions_run_on(up_to: Duration) -> String {
    format!("Sessions opened in the AWS access portal may run on for up to {} after the end.", time::short(up_to))
}

/// The same once the end has come.
#[must_use]
pub fn sessions_run_until(at: Timestamp) -> String {
    format!("Sessions opened in the AWS access portal may run until {}.", moment(at))
}

/// Somebody's own words within a line of ours: in a code span, where nothing is formatted, on one line, and cut short.
#[must_use]
pub fn quoted(text: &str) -> String {
    let line = one_line(text).replace('`', "'");
    if line.is_empty() { "—".to_owned() } else { format!("`{}`", shortened(&escape(&line), BRIEF)) }
}

/// The same, where there are several of them.
#[must_use]
pub fn quoted_short(text: &str) -> String {
    quoted(&shortened(&one_line(text), 80))
}

/// A link, if it is one that may be followed: https, and nothing in it that ends Slack's markup.
#[must_use]
pub fn link(url: &Url, label: &str) -> Option<String> {
    let plain = !url.as_str().contains(['<', '>', '|', ' ']);
    (url.scheme() == "https" && plain).then(|| format!("<{}|{}>", escape(url.as_str()), escape(label)))
}

/// What people read outside of Slack: the same words without Slack's markup.
#[must_use]
pub fn plain(mrkdwn: &str) -> String {
    let mut text = String::new();
    let mut rest = mrkdwn;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let Some((markup, after)) = after.split_once('>') else {
            rest = after;
            break;
        };
        let shown = markup.rsplit_once('|').map_or(markup, |(_, shown)| shown);
        text.push_str(shown.trim_start_matches(['@', '#', '!']).trim_start_matches("subteam^"));
        rest = after;
    }
    text.push_str(rest);
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    text.replace(['`', '*'], "")
}

/// Folds white space of every kind, so that nobody can write a second line that looks like ours, and leaves out letters
/// that turn a line around or cannot be seen.
#[must_use]
pub fn one_line(text: &str) -> String {
    visible(text)
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A person, so that Slack shows the name.
#[must_use]
pub fn person(id: &UserId) -> String {
    format!("<@{}>", escape(id.as_str()))
}

/// A person, or a pipeline by its name.
#[must_use]
pub fn principal(principal: &Principal) -> String {
    match principal {
        Principal::Person(id) => person(id),
        Principal::Workload(name) => format!("the pipeline *{}*", escape(name.as_str())),
    }
}

/// Several people.
#[must_use]
pub fn people<'a>(ids: impl IntoIterator<Item = &'a UserId>) -> String {
    listed(ids.into_iter().map(person).collect(), "and")
}

/// Who may decide what `requester` asked: the approvers, without the requester where nobody approves themselves.
#[must_use]
pub fn deciders(verdict: &Verdict, requester: &Principal) -> String {
    let mut able = verdict.approvers.clone();
    if !verdict.self_approval
        && let Some(requester) = requester.person()
    {
        able.users.remove(requester);
    }
    circle(&able)
}

/// Everybody in a circle: user groups first, then people.
#[must_use]
pub fn circle(circle: &Circle) -> String {
    let group = |id: &UserGroupId| format!("<!subteam^{}>", escape(id.as_str()));
    listed(circle.user_groups.iter().map(group).chain(circle.users.iter().map(person)).collect(), "or")
}

fn listed(mut names: Vec<String>, joint: &str) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    let more = names.len().saturating_sub(NAMED);
    if more > 0 {
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {joint} {last}", others.join(", ")),
        Some(_) | None => names.concat(),
    }
}

/// A moment, which every reader sees in their own time zone.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    let fallback = utc.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("<!date^{}^{{date_short_pretty}} {{time_secs}}|{fallback}>", at.as_second())
}

/// `1 approval`, `2 approvals`.
#[must_use]
pub fn approvals(count: impl Into<u64>) -> String {
    counted(count.into(), "approval", "approvals")
}

/// A number and what it counts.
#[must_use]
pub fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_ping_or_pose_as_us_with_their_own_words() {
        assert_eq!(
            quoted("<!channel> *hi* & `x`\n*Approved* by me"),
            "`&lt;!channel&gt; *hi* &amp; 'x' *Approved* by me`"
        );
        assert_eq!(quoted(" \u{2028} "), "—");
        let long = quoted(&"&".repeat(5_000));
        assert!(long.chars().count() <= 2 + BRIEF);
        assert!(long.ends_with("…`"));
    }

    #[test]
    fn words_of_ours_can_be_read_outside_of_slack() {
        let markup = "*REQ-7K3M* is for <@U0A>, `a &lt;b&gt;`, <!subteam^S0B> until <!date^1^{time}|12:00 UTC>: <https://a.b/c|run>";
        assert_eq!(plain(markup), "REQ-7K3M is for U0A, a <b>, S0B until 12:00 UTC: run");
    }

    #[test]
    fn a_crowd_is_counted() {
        let ids: Vec<UserId> = (0..14).map(|n| UserId(format!("U{n}"))).collect();
        assert!(people(&ids).ends_with("<@U11> and 2 more"));
    }
}
