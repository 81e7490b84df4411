//! What is wrong with a configuration: collected while it is checked, told all at once.
//!
//! A problem names the rule that is broken, points at the line, and says the way out. Nothing here stops at the first
//! one; whoever checks goes on with what can still be judged.

use std::{cell::RefCell, fmt};

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};

use super::{
    shown::Shown,
    source::{Place, Source},
};

/// Everything that is wrong with a configuration, with the lines it is about.
#[derive(Debug)]
pub struct Problems {
    sources: Vec<Source>,
    findings: Vec<Finding>,
}

/// One problem, for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named or found.
    pub file: String,
    /// The line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// Which rule is broken.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl Problems {
    /// Every problem, in the order of files and lines.
    #[must_use]
    pub fn list(&self) -> Vec<Problem> {
        self.findings.iter().map(|finding| self.problem(finding)).collect()
    }

    /// All problems as people read them: the line underlined, the rule, the way out. Plain ASCII without `color`.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme { characters: ThemeCharacters::ascii(), styles: ThemeStyles::none() }
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_width(100)
            .with_context_lines(0)
            .with_show_related_as_nested(true);
        let mut text = String::new();
        for finding in &self.findings {
            // Writing to a string cannot fail; a lost snippet would still leave the count below.
            let _ = handler.render_report(&mut text, &Shown::new(finding, &self.sources));
            text.push('\n');
        }
        text + &self.verdict()
    }

    /// For a configuration that is incomplete although nothing was found wrong with it: a mistake of ours.
    pub(super) fn unexplained() -> Self {
        let help = "This is a mistake in jit itself; please report it.";
        Self {
            sources: Vec::new(),
            findings: vec![Finding::unreadable(String::new(), "The check came to no end", help)],
        }
    }

    fn verdict(&self) -> String {
        let count = match self.findings.len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        format!("{count}. The configuration is refused as a whole.\n")
    }

    fn problem(&self, finding: &Finding) -> Problem {
        let Finding { message, help, at, .. } = finding;
        let source = |at: &Mark| &self.sources[at.place.file];
        let (line, column) = at.as_ref().map_or((0, 0), |at| source(at).line_and_column(at.place.start));
        let file = at.as_ref().map_or_else(|| finding.file.clone(), |at| source(at).name());
        Problem { file, line, column, message: message.clone(), help: help.clone() }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Where problems are collected during a check.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: RefCell<Vec<Finding>>,
    secrets: RefCell<Vec<Place>>,
}

impl Report {
    pub(super) fn add(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    /// How many problems there are so far; when a part has added some, what builds on that part is not judged.
    pub(super) fn count(&self) -> usize {
        self.findings.borrow().len()
    }

    /// Keeps a stretch of a file out of whatever will be shown.
    pub(super) fn star_out(&self, place: Place) {
        self.secrets.borrow_mut().push(place);
    }

    /// Ends the check: problems if there are any.
    pub(super) fn close(self, mut sources: Vec<Source>) -> Result<(), Problems> {
        let mut findings = self.findings.into_inner();
        if findings.is_empty() {
            return Ok(());
        }
        for place in self.secrets.into_inner() {
            sources[place.file].star_out(place.start, place.end);
        }
        findings.sort_by_key(|finding| finding.at.as_ref().map(|at| at.place));
        Err(Problems { sources, findings })
    }
}

/// One problem under construction.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub message: String,
    pub help: String,
    /// Only for a file of which there are no lines to show.
    file: String,
    pub at: Option<Mark>,
    pub also: Option<Mark>,
}

/// A place that is pointed at, and what is said about it.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub place: Place,
    pub words: String,
}

impl Finding {
    /// Something is wrong here.
    pub(super) fn at(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        let at = Some(Mark { place, words: String::new() });
        Self { message: message.into(), help: help.into(), file: String::new(), at, also: None }
    }

    /// A file cannot be read.
    pub(super) fn unreadable(file: String, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), file, at: None, also: None }
    }

    /// Says something about the line itself.
    pub(super) fn label(mut self, words: impl Into<String>) -> Self {
        if let Some(at) = &mut self.at {
            at.words = words.into();
        }
        self
    }

    /// Points at a second place.
    pub(super) fn also(mut self, place: Place, words: impl Into<String>) -> Self {
        self.also = Some(Mark { place, words: words.into() });
        self
    }
}
