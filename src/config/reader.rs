//! Takes values out of raw tables and keeps account: what is missing, of the wrong kind, or left over.
//!
//! This is the core of the room. A reading function asks a [`Table`] for each key it knows; the table learns the known
//! keys from being asked and refuses, once it has been read, everything that nobody asked for. `None` always means "not
//! there, or already reported", so reading goes on and every problem is found in one run.

use super::{
    problem::{Finding, Report},
    raw::{Entry, Raw, Value},
    source::{At, Place},
    suggest,
};

/// One value, with the key it was given to.
#[derive(Clone, Copy)]
pub(super) struct Node<'r> {
    pub key: &'r str,
    pub raw: &'r Raw,
    pub report: &'r Report,
}

/// What a key wants, in words, and an example of it as one would write it.
pub(super) struct Wants(pub &'static str, pub &'static str);

impl<'r> Node<'r> {
    pub(super) fn place(self) -> Place {
        self.raw.place
    }

    /// Reports that this value breaks a rule.
    pub(super) fn refuse(self, message: impl Into<String>, help: impl Into<String>) {
        self.report.add(Finding::at(self.place(), message, help));
    }

    /// Keeps what is written here out of whatever will be shown.
    pub(super) fn star_out(self) {
        self.raw.literals().into_iter().for_each(|place| self.report.star_out(place));
    }

    /// Whether the value is a text.
    pub(super) fn is_text(self) -> bool {
        matches!(self.raw.value, Value::Text(_))
    }

    /// The value as text.
    pub(super) fn text(self, wants: &Wants) -> Option<&'r str> {
        match &self.raw.value {
            Value::Text(text) => Some(text),
            _ => self.wrong_kind(wants),
        }
    }

    /// The value as a number.
    pub(super) fn number(self, wants: &Wants) -> Option<i64> {
        match &self.raw.value {
            Value::Integer(number) => Some(*number),
            _ => self.wrong_kind(wants),
        }
    }

    /// The value as true or false.
    pub(super) fn boolean(self, wants: &Wants) -> Option<bool> {
        match &self.raw.value {
            Value::Boolean(is) => Some(*is),
            _ => self.wrong_kind(wants),
        }
    }

    /// The items of a list that must have some.
    pub(super) fn list(self, wants: &Wants) -> Option<Vec<Self>> {
        match &self.raw.value {
            Value::List(items) if items.is_empty() => {
                self.refuse(format!("`{}` is empty", self.key), format!("It wants {}, such as {}.", wants.0, wants.1));
                None
            }
            Value::List(items) => Some(items.iter().map(|raw| Self { raw, ..self }).collect()),
            _ => self.wrong_kind(wants),
        }
    }

    /// Reads a table to its end: keys that `read` did not ask for are refused.
    pub(super) fn table<T>(self, wants: &Wants, read: impl FnOnce(&mut Table<'r>) -> T) -> Option<T> {
        match &self.raw.value {
            Value::Table(entries) => {
                let mut table = Table { node: self, entries, known: Vec::new(), missing: Vec::new() };
                let out = read(&mut table);
                table.finish();
                Some(out)
            }
            _ => self.wrong_kind(wants),
        }
    }

    /// Reads a list of tables, `[[key]]` in the file.
    pub(super) fn tables<T>(self, mut read: impl FnMut(&mut Table<'r>) -> T) -> Vec<At<T>> {
        let wants = Wants("a list of tables", "[[...]] with its keys below it");
        if let Value::Table(_) = &self.raw.value {
            let help = format!("Write the header with two brackets on each side: {}", as_written(self.key));
            self.refuse(format!("`{}` wants a list of tables, not a single one", self.key), help);
            return Vec::new();
        }
        let items = self.list(&wants).unwrap_or_default();
        let read_one = |item: Self| item.table(&wants, &mut read).map(|value| At { value, place: item.place() });
        items.into_iter().filter_map(read_one).collect()
    }

    /// The value is of a kind that the key cannot use.
    pub(super) fn wrong_kind<T>(self, wants: &Wants) -> Option<T> {
        self.refuse(
            format!("`{}` wants {}, not {}", self.key, wants.0, self.raw.value.kind()),
            format!("For example: {}", wants.1),
        );
        None
    }
}

/// A table that is being read.
pub(super) struct Table<'r> {
    node: Node<'r>,
    entries: &'r [Entry],
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'r> Table<'r> {
    pub(super) fn report(&self) -> &'r Report {
        self.node.report
    }

    /// The table's header.
    pub(super) fn place(&self) -> Place {
        self.node.place()
    }

    /// Reads a key that may be absent.
    pub(super) fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(Node<'r>) -> Option<T>) -> Option<T> {
        self.known.push(key);
        self.lookup(key).and_then(read)
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(&mut self, key: &'static str, read: impl FnOnce(Node<'r>) -> Option<T>) -> Option<T> {
        if self.lookup(key).is_none() {
            self.missing.push(key);
        }
        self.optional(key, read)
    }

    /// A key that is known but not wanted here; whoever asks decides what to say.
    pub(super) fn unwanted(&mut self, key: &'static str) -> Option<Node<'r>> {
        self.lookup(key).inspect(|_| self.known.push(key))
    }

    /// Leaves the other keys unjudged, because what they should be is not known.
    pub(super) fn forgo_the_rest(&mut self) {
        self.entries = &[];
    }

    /// Every key, for tables whose keys are names that people choose.
    pub(super) fn every_key(&mut self) -> Vec<(At<&'r str>, Node<'r>)> {
        let report = self.report();
        let all = self.entries.iter().map(|Entry { key, key_place, value }| {
            (At { value: key.as_str(), place: *key_place }, Node { key, raw: value, report })
        });
        self.entries = &[];
        all.collect()
    }

    fn lookup(&self, key: &str) -> Option<Node<'r>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Node { key: &entry.key, raw: &entry.value, report: self.report() })
    }

    /// A misspelt key is one problem, not two: the missing key that it stands for is not reported again. Its value is not
    /// shown, because the key may stand for a secret.
    fn finish(mut self) {
        let known = std::mem::take(&mut self.known);
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let open: Vec<&str> = known.iter().copied().filter(|key| self.lookup(key).is_none()).collect();
            if let Some(meant) = suggest::nearest(&entry.key, open.iter().copied()) {
                self.missing.retain(|missing| *missing != meant);
            }
            Node { key: &entry.key, raw: &entry.value, report: self.report() }.star_out();
            let message = format!("`{}` is not a key of {}", entry.key, self.name().replace("The file", "the file"));
            self.report().add(Finding::at(entry.key_place, message, suggest::way_out(&entry.key, &open)));
        }
        if !self.missing.is_empty() {
            let missing = self.missing.iter().map(|key| as_written(key)).collect::<Vec<_>>().join(", ");
            let message = format!("{} lacks {missing}", self.name());
            let help = format!("Add {missing}; config/example.toml explains every key.");
            self.report().add(Finding::at(self.place(), message, help));
        }
    }

    fn name(&self) -> String {
        if self.node.key.is_empty() { "The file".to_owned() } else { format!("`{}`", self.node.key) }
    }
}

/// A key as it is usually written in the file: most are keys, some are headers.
fn as_written(key: &str) -> String {
    match key {
        "server" | "store" | "slack" => format!("[{key}]"),
        "role" | "person" | "workload" => format!("[[{key}]]"),
        "rule" | "target" => format!("[[role.{key}]]"),
        _ => format!("`{key}`"),
    }
}
