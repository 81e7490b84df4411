//! A configuration file as it was read, and places in it.
//!
//! People are shown lines of it when something is wrong, so it keeps a second copy in which whatever looks like a
//! secret is starred out: a token that somebody pasted must not end up in a terminal's history or a CI log.

use std::{path::PathBuf, sync::LazyLock};

use regex::Regex;

/// A stretch of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which file, in the order of reading.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A value together with the place where it is written.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// What it says, fit to be shown: of the same length, with stars for what looks like a secret.
    shown: String,
}

impl Source {
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let mut source = Self { path, shown: text.clone(), text };
        source.star_out_what_looks_secret();
        source
    }

    /// The name people know the file by: the path as they gave it.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Hides a stretch of the file from everybody. Quotes and line ends stay, so that the rest still lines up.
    pub(super) fn star_out(&mut self, start: usize, end: usize) {
        let mut shown = String::with_capacity(self.shown.len());
        for (at, letter) in self.shown.char_indices() {
            match letter {
                '"' | '\'' | '\n' | '\r' => shown.push(letter),
                _ if (start..end).contains(&at) => (0..letter.len_utf8()).for_each(|_| shown.push('*')),
                _ => shown.push(letter),
            }
        }
        self.shown = shown;
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(super) fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn star_out_what_looks_secret(&mut self) {
        let found: Vec<_> = SECRETIVE
            .captures_iter(&self.text)
            .flat_map(|found| found.iter().skip(1).flatten().map(|group| group.range()).collect::<Vec<_>>())
            .collect();
        for range in found {
            self.star_out(range.start, range.end);
        }
    }
}

/// Literals given to keys with telling names, Slack's tokens wherever they are, and passwords in URLs. The groups are
/// what is to be hidden. A file that is not even TOML is searched as well, hence no parser.
static SECRETIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?xi)
        (?: secret | token | password | external_id ) [\w-]* ["']? \s* = \s*
            (?: """ ((?s:.*?)) (?:"""|\z) | ''' ((?s:.*?)) (?:'''|\z) | " ([^"\n]*) | ' ([^'\n]*)
                | ( [^\s"'{\[\#] [^\s\#,}]* ) )
        | \b ( (?: xox[a-z] | xapp ) - [\w-]+ )
        | :// [^/\s:@"']* : ( [^/\s@"']+ ) @
        "#,
    )
    .expect("a valid pattern")
});

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Source::new("x.toml".into(), text.into()).shown().to_owned()
    }

    #[test]
    fn what_looks_like_a_secret_is_never_shown() {
        for (text, expected) in [
            (r#"bot_token = "xoxb-1-2""#, r#"bot_token = "********""#),
            (r#"signing_secret = "never closed"#, r#"signing_secret = "************"#),
            (r#"slack = { app_token='a', mode = "http" }"#, r#"slack = { app_token='*', mode = "http" }"#),
            (r#"note = "xapp-1-A" # b"#, r#"note = "********" # b"#),
            (r#"url = "postgres://jit:pass@db/jit""#, r#"url = "postgres://jit:****@db/jit""#),
            ("client_secret = \"\"\"\na\nb\"\"\"", "client_secret = \"\"\"\n*\n*\"\"\""),
            (r#"bot_token = { env = "TOKEN" }"#, r#"bot_token = { env = "TOKEN" }"#),
            ("signing_secret = 8f74 # ours", "signing_secret = **** # ours"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn places_are_counted_the_way_editors_do() {
        let source = Source::new("x.toml".into(), "a = 1\né = 2".into());
        assert_eq!(source.line_and_column(0), (1, 1));
        assert_eq!(source.line_and_column("a = 1\né".len()), (2, 2));
    }
}
