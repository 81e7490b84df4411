//! What is said while a command waits: a line that turns for people at a terminal, and a line for each change elsewhere.
//! All of it goes to standard error: standard output is for results.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;

/// Where it is said.
#[derive(Debug)]
pub(super) struct Voice {
    at_terminal: bool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    line: Option<ProgressBar>,
    text: String,
}

impl Voice {
    pub(super) fn new() -> Self {
        // Where no line can be redrawn, changes get a line each.
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self { at_terminal: std::io::stderr().is_terminal() && !is_dumb, waiting: Mutex::default() }
    }

    /// Says a line.
    pub(super) fn says(&self, text: &str) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &waiting.line {
            Some(line) => line.suspend(|| tell(text)),
            None => tell(text),
        }
    }

    /// What is waited for from now on.
    pub(super) fn waits(&self, text: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.text == text {
            return;
        }
        text.clone_into(&mut waiting.text);
        if self.at_terminal {
            waiting.line.get_or_insert_with(turning).set_message(text.to_owned());
        } else {
            tell(text);
        }
    }

    /// There is nothing to wait for any more.
    pub(super) fn is_done(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = waiting.line.take() {
            line.finish_and_clear();
        }
        waiting.text.clear();
    }
}

fn turning() -> ProgressBar {
    let line = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} · {elapsed}") {
        line.set_style(style);
    }
    line.enable_steady_tick(Duration::from_millis(120));
    line
}
