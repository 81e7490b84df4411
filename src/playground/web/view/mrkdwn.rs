//! Slack's inline markup as HTML. Whatever is not markup is text, and stays text.

use std::sync::LazyLock;

use maud::{Markup, html};
use regex::{Captures, Regex};

use crate::playground::workspace::Window;

/// Code, a token in angle brackets, bold, italic, struck: whichever begins first.
static SPANS: LazyLock<Regex> = LazyLock::new(|| {
    let span = |mark: &str| format!(r"{mark}([^\s{mark}](?:[^{mark}\n]*[^\s{mark}])?){mark}");
    let pattern = format!(r"`([^`\n]+)`|<([^<>\n]+)>|{}|{}|{}", span(r"\*"), span("_"), span("~"));
    Regex::new(&pattern).expect("the pattern is valid")
});
/// A block of code between fences.
const FENCE: &str = "```";
const QUOTE: &str = "&gt;";

/// A text object, whichever kind.
pub(super) fn text(window: &Window<'_>, object: &serde_json::Value) -> Markup {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" {
        shown(window, text)
    } else {
        html! { (plain(text)) }
    }
}

/// The words of a text object, for a label.
pub(super) fn words(object: &serde_json::Value) -> String {
    plain(object["text"].as_str().unwrap_or_default())
}

/// A plain string as its reader sees it.
pub(super) fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A mrkdwn string.
pub(super) fn shown(window: &Window<'_>, mrkdwn: &str) -> Markup {
    html! {
        @for (place, part) in mrkdwn.split(FENCE).enumerate() {
            @if place % 2 == 1 { pre { (plain(part.trim_matches('\n'))) } }
            @else { (paragraphs(window, part)) }
        }
    }
}

fn paragraphs(window: &Window<'_>, text: &str) -> Markup {
    let mut lines = text.split('\n').peekable();
    html! {
        @while let Some(line) = lines.next() {
            @if let Some(quoted) = line.strip_prefix(QUOTE) { blockquote { (spans(window, quoted.trim_start())) } }
            @else {
                (spans(window, line))
                @if lines.peek().is_some_and(|next| !next.starts_with(QUOTE)) { br; }
            }
        }
    }
}

fn spans(window: &Window<'_>, text: &str) -> Markup {
    let mut parts: Vec<Markup> = Vec::new();
    let (mut from, mut begin) = (0, 0);
    while let Some(found) = SPANS.captures_at(text, begin) {
        let (start, end) = found.get(0).map(|whole| (whole.start(), whole.end())).unwrap_or_default();
        // Marks within a word are none.
        let is_marked = found.get(1).or(found.get(2)).is_some() || stands_alone(text, start, end);
        if !is_marked {
            begin = start + 1;
            continue;
        }
        parts.push(html! { (plain(&text[from..start])) (span(window, &found)) });
        (from, begin) = (end, end);
    }
    html! { @for part in &parts { (part) } (plain(&text[from..])) }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back().is_none_or(|letter| !letter.is_alphanumeric());
    before && text[end..].chars().next().is_none_or(|letter| !letter.is_alphanumeric())
}

fn span(window: &Window<'_>, found: &Captures<'_>) -> Markup {
    let group = |number| found.get(number).map(|group| group.as_str());
    match [1, 2, 3, 4, 5].map(group) {
        [Some(code), ..] => html! { code { (plain(code)) } },
        [_, Some(token), ..] => self::token(window, token),
        [_, _, Some(bold), ..] => html! { strong { (spans(window, bold)) } },
        [_, _, _, Some(italic), _] => html! { em { (spans(window, italic)) } },
        [_, _, _, _, struck] => html! { s { (spans(window, struck.unwrap_or_default())) } },
    }
}

fn token(window: &Window<'_>, token: &str) -> Markup {
    let (name, label) = token.split_once('|').map_or((token, None), |(name, label)| (name, Some(plain(label))));
    let mention = |words: String| html! { span.mention { (words) } };
    if let Some(id) = name.strip_prefix('@') {
        mention(window.user(id).map_or_else(|| format!("@{id}"), |user| format!("@{}", user.real_name)))
    } else if let Some(id) = name.strip_prefix('#') {
        mention(window.channel(id).map_or_else(|| format!("#{id}"), |channel| format!("#{}", channel.name)))
    } else if let Some(id) = name.strip_prefix("!subteam^") {
        mention(window.group(id).map_or_else(|| format!("@{id}"), |group| format!("@{}", group.handle)))
    } else if let Some(date) = name.strip_prefix("!date^") {
        moment(date, &label.unwrap_or_default())
    } else if let Some(broadcast) = name.strip_prefix('!') {
        mention(format!("@{broadcast}"))
    } else {
        let url = plain(name);
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        let words = label.unwrap_or_else(|| url.clone());
        html! {
            @if is_web { a href=(url) target="_blank" rel="noopener noreferrer" { (words) } } @else { (words) }
        }
    }
}

/// A moment, which the page's script writes in the reader's own time, in the form that was asked for.
fn moment(date: &str, fallback: &str) -> Markup {
    let mut parts = date.splitn(3, '^');
    let seconds: i64 = parts.next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    html! { time data-at=(seconds.saturating_mul(1_000)) data-format=(parts.next().unwrap_or_default()) { (fallback) } }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ambient::SystemClock, playground::workspace::Workspace};

    #[test]
    fn markup_becomes_html_and_everything_else_stays_text() {
        let workspace = Workspace::new(Arc::new(SystemClock));
        _ = workspace.person("ann");
        let window = workspace.window();
        for (mrkdwn, expected) in [
            ("*REQ-7K3M*: _now_ 2*3*4", "<strong>REQ-7K3M</strong>: <em>now</em> 2*3*4"),
            ("<@U0ANN> & `a <b> *c*`", "<span class=\"mention\">@Ann</span> &amp; <code>a &lt;b&gt; *c*</code>"),
            ("*hi <@U0ANN>*", "<strong>hi <span class=\"mention\">@Ann</span></strong>"),
            ("&lt;script&gt; <script>", "&lt;script&gt; script"),
            ("one\ntwo", "one<br>two"),
            ("&gt; said\nme", "<blockquote>said</blockquote>me"),
            ("a ```\nx *y*\n``` b", "a <pre>x *y*</pre> b"),
            ("<javascript:alert(1)|go>", "go"),
            (
                "<https://x.example/?a=1&amp;b|here>",
                "<a href=\"https://x.example/?a=1&amp;b\" target=\"_blank\" rel=\"noopener noreferrer\">here</a>",
            ),
            (
                "<!date^1763715600^{time}|09:00 UTC>",
                "<time data-at=\"1763715600000\" data-format=\"{time}\">09:00 UTC</time>",
            ),
        ] {
            assert_eq!(shown(&window, mrkdwn).into_string(), expected, "{mrkdwn}");
        }
    }
}
