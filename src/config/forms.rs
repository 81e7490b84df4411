//! The forms a single value can have: each takes a node and gives the type that cannot be wrong, or reports why not.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use regex::Regex;
use url::{Host, Url};

use super::{
    raw::Value,
    reader::{Node, Wants},
    source::At,
    suggest,
};
use crate::domain::{
    ids::{ChannelId, RoleName, UserId},
    time::{parse_duration, short},
};

/// Words that cannot name a role, because `/jit list` and `/jit request for …` mean something else already.
pub const RESERVED_ROLE_NAMES: [&str; 14] = [
    "help", "list", "status", "request", "cancel", "end", "approve", "deny", "revoke", "extend", "explain", "for",
    "login", "sessions",
];

/// No grant and no request lives longer: what is needed for a month is not temporary.
pub(super) const LONGEST: Duration = Duration::from_hours(30 * 24);

/// A name is typed in Slack and stands in tables.
const LONGEST_ROLE_NAME: usize = 50;

/// Keeps the place of what another form reads.
pub(super) fn at<'r, T>(form: impl Fn(Node<'r>) -> Option<T>) -> impl Fn(Node<'r>) -> Option<At<T>> {
    move |node| form(node).map(|value| At { value, place: node.place() })
}

/// Any text that says something.
pub(super) fn text(node: Node<'_>) -> Option<String> {
    let text = node.text(&Wants("a text", "\"...\" between quotes"))?;
    if text.trim().is_empty() {
        node.refuse(format!("`{}` is blank", node.key), "Give it a value or take the line out.");
        return None;
    }
    Some(text.to_owned())
}

/// `true` or `false`.
pub(super) fn boolean(node: Node<'_>) -> Option<bool> {
    node.boolean(&Wants("true or false", "true"))
}

/// A number from 1.
pub(super) fn count(node: Node<'_>) -> Option<u32> {
    let number = node.number(&Wants("a number", "5"))?;
    let count = u32::try_from(number).ok().filter(|count| *count > 0);
    if count.is_none() {
        node.refuse(
            format!("`{}` must be at least 1", node.key),
            "With nothing allowed, nobody could ask for anything.",
        );
    }
    count
}

/// One of a few words.
pub(super) fn choice<'r, T: Copy>(options: &[(&'static str, T)]) -> impl Fn(Node<'r>) -> Option<T> {
    move |node| {
        let words: Vec<&str> = options.iter().map(|(word, _)| *word).collect();
        let Value::Text(word) = &node.raw.value else {
            let message = format!("`{}` wants one of {}, not {}", node.key, words.join(", "), node.raw.value.kind());
            node.refuse(message, format!("For example: \"{}\"", words.first().unwrap_or(&"")));
            return None;
        };
        let chosen = options.iter().find(|(known, _)| known == word).map(|(_, value)| *value);
        if chosen.is_none() {
            let message = format!("`{}` cannot be \"{word}\"", node.key);
            node.refuse(message, suggest::way_out(word, &words));
        }
        chosen
    }
}

/// `"30m"`, `"1h30m"`, up to 30 days.
pub(super) fn duration(node: Node<'_>) -> Option<Duration> {
    let text = node.text(&Wants("a duration", "\"30m\", \"1h30m\" or \"1d\""))?;
    let Some(duration) = parse_duration(text) else {
        let message = format!("\"{text}\" is not a duration");
        node.refuse(message, "Write a positive number with its unit: \"90s\", \"30m\", \"1h30m\", \"1d\".");
        return None;
    };
    if duration > LONGEST {
        let help =
            format!("Keep `{}` at {} or less: what is needed longer is not temporary.", node.key, short(LONGEST));
        node.refuse(format!("{} is longer than {}, the most that jit allows", short(duration), short(LONGEST)), help);
        return None;
    }
    Some(duration)
}

/// An address to listen on.
pub(super) fn socket_addr(node: Node<'_>) -> Option<SocketAddr> {
    let text = node.text(&Wants("an address and a port", "\"127.0.0.1:8080\""))?;
    let address = text.parse().ok();
    if address.is_none() {
        let help =
            "Write an IP address and a port: \"127.0.0.1:8080\" for this machine alone, \"0.0.0.0:8080\" for all.";
        node.refuse(format!("\"{text}\" is not an address to listen on"), help);
    }
    address
}

/// An https URL; plain http only for a host that is this machine.
pub(super) fn url(node: Node<'_>) -> Option<Url> {
    let text = node.text(&Wants("a URL", "\"https://jit.example.com\""))?;
    let refusal = match Url::parse(text) {
        Err(error) => format!("this is not a URL: {error}"),
        Ok(url) if !matches!(url.scheme(), "https" | "http") => "only https is spoken here".to_owned(),
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            "plain http would carry secrets across the network readable by all".to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            node.report.star_out(node.place());
            "user names and passwords do not belong in a URL".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "`?` and `#` have no meaning here".to_owned(),
        Ok(url) => return Some(url),
    };
    let help = "Write https://... (plain http:// only for 127.0.0.1, [::1] and localhost).";
    node.refuse(format!("`{}`: {refusal}", node.key), help);
    None
}

/// An https URL without exception.
pub(super) fn https_url(node: Node<'_>) -> Option<Url> {
    let url = url(node)?;
    if url.scheme() != "https" {
        node.refuse(format!("`{}` must be https", node.key), "Azure's own libraries refuse anything else.");
        return None;
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A Slack channel.
pub(super) fn channel(node: Node<'_>) -> Option<ChannelId> {
    let help =
        "Write the id, not the name: open the channel's details in Slack; it is at the bottom, such as C0REQUESTS.";
    slack_id(node, "CGD", "a channel id", help).map(ChannelId::from)
}

/// A person in Slack.
pub(super) fn user(node: Node<'_>) -> Option<UserId> {
    let help = "In Slack, open the person's profile, then the menu with three dots, then Copy member ID: U0AAAA1.";
    slack_id(node, "UW", "a person's Slack id", help).map(UserId::from)
}

/// A Slack workspace or organisation.
pub(super) fn team(node: Node<'_>) -> Option<String> {
    let help =
        "It is the part that starts with T in the address of Slack in a browser: app.slack.com/client/T0ACME/....";
    slack_id(node, "TE", "a workspace id", help).map(str::to_owned)
}

fn slack_id<'r>(node: Node<'r>, initials: &str, what: &str, help: &str) -> Option<&'r str> {
    let text = node.text(&Wants("a Slack id", "\"C0REQUESTS\" between quotes"))?;
    if !is_slack_id(text, initials) {
        node.refuse(format!("\"{text}\" is not {what}"), help);
        return None;
    }
    Some(text)
}

/// Whether a text has the form of Slack's ids: one of these capitals, then capitals and digits.
pub(super) fn is_slack_id(text: &str, initials: &str) -> bool {
    let rest = text.strip_prefix(|first| initials.contains(first)).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
}

/// A role's name: short, easily typed, and nothing that `/jit` understands otherwise.
pub(super) fn role_name(node: Node<'_>) -> Option<RoleName> {
    let name = node.text(&Wants("a text", "\"prod-deploy\""))?;
    if RESERVED_ROLE_NAMES.contains(&name) {
        let help = format!("`/jit {name}` means something already; \"{name}-access\" would do.");
        node.refuse(format!("A role cannot be called \"{name}\""), help);
        return None;
    }
    let typable = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter);
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(typable)
        && name.len() <= LONGEST_ROLE_NAME;
    if !fits {
        let help = "People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most \
                    50 in all, such as prod-deploy.";
        node.refuse(format!("\"{name}\" cannot name a role"), help);
        return None;
    }
    Some(name.into())
}

/// A regular expression.
pub(super) fn pattern(node: Node<'_>) -> Option<Regex> {
    let text = node.text(&Wants("a regular expression", "\"^OPS-[0-9]+$\""))?;
    match Regex::new(text) {
        Ok(regex) if regex.is_match("") => {
            let help = "Write what must be there at least once, such as \"^OPS-[0-9]+$\", or take the line out.";
            node.refuse(format!("`{}` is found in any reason, even an empty one", node.key), help);
            None
        }
        Ok(regex) => Some(regex),
        Err(error) => {
            let last = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let help = "A ticket pattern looks like \"^OPS-[0-9]+$\"; look-around and back-references are not known.";
            node.refuse(format!("`{}` is not a regular expression: {last}", node.key), help);
            None
        }
    }
}

/// A role's ARN, in any partition.
pub(super) fn role_arn(node: Node<'_>) -> Option<String> {
    static ROLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^arn:(aws|aws-us-gov|aws-cn):iam::[0-9]{12}:role/([\w+=,.@-]+/)*[\w+=,.@-]+$")
            .expect("a valid pattern")
    });
    let text = node.text(&Wants("the ARN of an IAM role", "\"arn:aws:iam::111122223333:role/prod-deploy\""))?;
    if !ROLE.is_match(text) {
        let help = "It looks like arn:aws:iam::111122223333:role/prod-deploy (arn:aws-us-gov:... and arn:aws-cn:... as well); \
                    `aws iam get-role --role-name ...` prints it.";
        node.refuse(format!("\"{text}\" is not the ARN of an IAM role"), help);
        return None;
    }
    Some(text.to_owned())
}

/// A text that must begin in a certain way, such as an ARN or an id of a cloud.
pub(super) fn beginning_with<'r>(start: &'static str) -> impl Fn(Node<'r>) -> Option<String> {
    move |node| {
        let text = text(node)?;
        let fits = text.starts_with(start) && text.len() > start.len() && !text.contains(char::is_whitespace);
        if !fits {
            node.refuse(format!("`{}` cannot be \"{text}\"", node.key), format!("It looks like {start}...."));
        }
        fits.then_some(text)
    }
}
