//! Lays the story out on the terminal: who does what at the margin, what they see behind a bar.
//!
//! The workspace draws messages with Slack's marks for bold. A terminal shows them as bold; where there is none, or
//! `NO_COLOR` is set, they are left out, since a reader of Slack does not see them either.

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
};

use regex::Regex;

/// Wide enough for a card, narrow enough for half a screen.
const WIDTH: usize = 96;
/// Where what somebody does begins, behind their name and the verb.
const DEED: usize = 16;

/// `*bold*` as Slack writes it: not within a word.
static BOLD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(^|[\s(`])\*([^*\s](?:[^*]*[^*\s])?)\*").expect("the pattern is valid"));

/// The terminal, or whatever stands in its place.
pub(super) struct Page {
    out: Box<dyn Write + Send>,
    styled: bool,
}

impl Page {
    /// Standard output, with bold and colour where they are welcome.
    pub(super) fn stdout() -> Self {
        let unwelcome = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out: Box::new(io::stdout()), styled: io::stdout().is_terminal() && !unwelcome }
    }

    /// Begins a part.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let heading = self.bold(text);
        writeln!(self.out, "\n{heading}\n{}", "─".repeat(text.chars().count()))
    }

    /// Says something to the reader.
    pub(super) fn tell(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.lines(wrapped(text, WIDTH), "")
    }

    /// Says several things, each with a name in front.
    pub(super) fn table(&mut self, rows: &[(&str, &str)]) -> io::Result<()> {
        writeln!(self.out)?;
        let room = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
        for (name, text) in rows {
            for (place, line) in wrapped(text, WIDTH - 2 - room).into_iter().enumerate() {
                let name = if place == 0 { name } else { "" };
                writeln!(self.out, "  {name:room$}{line}")?;
            }
        }
        Ok(())
    }

    /// Somebody does something.
    pub(super) fn deed(&mut self, who: &str, verb: &str, what: &str) -> io::Result<()> {
        let (begin, what) = (format!("{:DEED$}", format!("{who} {verb}")), self.bold(what));
        writeln!(self.out, "\n{begin}{what}")
    }

    /// Something is to be seen somewhere.
    pub(super) fn sight(&mut self, place: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {}", self.dim(place))?;
        self.lines(text.lines().flat_map(|line| wrapped(&self.unmarked(line), WIDTH - 4)).collect(), "  │ ")
    }

    /// Lines of the audit channel: each may be long, so what continues one is set back.
    pub(super) fn feed(&mut self, place: &str, lines: &[String]) -> io::Result<()> {
        writeln!(self.out, "\n  {}", self.dim(place))?;
        for line in lines {
            let mut first = "  │ ";
            for part in wrapped(&self.unmarked(line), WIDTH - 6) {
                self.lines(vec![part], first)?;
                first = "  │   ";
            }
        }
        Ok(())
    }

    /// Asks for a line of input.
    pub(super) fn prompt(&mut self) -> io::Result<()> {
        write!(self.out, "\njit> ")?;
        self.out.flush()
    }

    /// Begins a new line where a prompt was waiting for one.
    pub(super) fn leave_prompt(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn lines(&mut self, lines: Vec<String>, margin: &str) -> io::Result<()> {
        for line in lines {
            let line = if self.styled { BOLD.replace_all(&line, "$1\x1b[1m$2\x1b[0m").into_owned() } else { line };
            writeln!(self.out, "{margin}{line}")?;
        }
        Ok(())
    }

    fn unmarked(&self, text: &str) -> String {
        if self.styled { text.to_owned() } else { BOLD.replace_all(text, "$1$2").into_owned() }
    }

    fn bold(&self, text: &str) -> String {
        if self.styled { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.styled { format!("\x1b[36m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A paragraph as lines of at most `width` characters; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensibilities are rare", 8), ["incomprehensibilities", "are rare"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn only_marks_are_taken_for_marks() {
        let plain = |text: &str| BOLD.replace_all(text, "$1$2").into_owned();
        assert_eq!(
            plain("*REQ-7K3M*: *ann* (*2h*) has 2*3*4 and * stars *"),
            "REQ-7K3M: ann (2h) has 2*3*4 and * stars *"
        );
    }
}
