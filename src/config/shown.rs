//! How a problem is drawn: the part that miette needs to know.

use std::fmt;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, NamedSource, Severity, SourceCode, SourceSpan,
    SpanContents,
};

use super::{
    problem::{Finding, Mark},
    source::Source,
};

/// A finding in the form miette draws.
#[derive(Debug)]
pub(super) struct Shown {
    message: String,
    help: Option<String>,
    severity: Severity,
    source: Option<NamedSource<WholeLines>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Option<Box<Shown>>,
}

impl Shown {
    pub(super) fn new(finding: &Finding, sources: &[Source]) -> Self {
        let (near, far): (Vec<_>, Vec<_>) = finding
            .also
            .iter()
            .partition(|also| finding.at.as_ref().is_some_and(|at| at.place.file == also.place.file));
        let marks: Vec<&Mark> = finding.at.iter().chain(near).collect();
        let elsewhere = far.first().map(|mark| {
            let message = mark.words.clone();
            let bare = Mark { place: mark.place, words: String::new() };
            Box::new(Self::part(message, None, Severity::Advice, &[&bare], sources))
        });
        Self { elsewhere, ..Self::part(finding.message.clone(), Some(&finding.help), Severity::Error, &marks, sources) }
    }

    fn part(message: String, help: Option<&String>, severity: Severity, marks: &[&Mark], sources: &[Source]) -> Self {
        let label = |mark: &&Mark| {
            let words = Some(mark.words.clone()).filter(|words| !words.is_empty());
            LabeledSpan::new(words, mark.place.start, mark.place.end - mark.place.start)
        };
        let source = marks.first().map(|mark| &sources[mark.place.file]);
        Self {
            message,
            help: help.cloned(),
            severity,
            source: source.map(|source| NamedSource::new(source.name(), WholeLines(source.shown().to_owned()))),
            labels: marks.iter().map(label).collect(),
            elsewhere: None,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.elsewhere.iter().map(|part| part.as_ref() as &dyn Diagnostic)))
    }
}

/// Shows a problem's whole line, where miette by itself shows only the words that are underlined.
#[derive(Debug)]
struct WholeLines(String);

impl SourceCode for WholeLines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let line_start = self.0.get(..start).and_then(|text| text.rfind('\n')).map_or(0, |newline| newline + 1);
        let rest = self.0.get(end..).unwrap_or_default();
        let line_end = end + rest.find('\n').unwrap_or(rest.len());
        let exact = self.0.read_span(span, 0, 0)?;
        let lines = self.0.read_span(&(line_start, line_end - line_start).into(), before, after)?;
        let (span, count) = (*lines.span(), lines.line_count());
        Ok(Box::new(MietteSpanContents::new(lines.data(), span, lines.line(), exact.column(), count)))
    }
}
