//! The raw layer: a file as TOML has it, every key and value with its place.
//!
//! Nothing is judged here beyond TOML's own grammar. A typed mirror with serde would stop at the first wrong value;
//! this keeps them all for the reader to judge.

use toml::de::{DeTable, DeValue};

use super::{
    problem::{Finding, Report},
    source::Place,
};

/// A value and its place. A table's place is its header.
#[derive(Debug)]
pub(super) struct Raw {
    pub place: Place,
    pub value: Value,
}

/// What TOML knows, as far as a configuration needs it.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Raw>),
    /// In the order of writing.
    Table(Vec<Entry>),
    /// Something that no key wants: a date, a float, an integer beyond 64 bits.
    Other(&'static str),
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub value: Raw,
}

/// Reads one file.
pub(super) fn parse(text: &str, file: usize, report: &Report) -> Option<Raw> {
    let start = Place { file, start: 0, end: 0 };
    match DeTable::parse(text) {
        Ok(table) => Some(Raw { place: start, value: Value::Table(entries(table.get_ref(), file)) }),
        Err(error) => {
            let message = format!("This is not TOML: {}", error.message().replace('\n', ", "));
            let help = "Mend the line; the rest is checked as soon as every file can be read. The format is explained \
                        at https://toml.io";
            report.add(Finding::at(error.span().map_or(start, |span| place(span, file)), message, help));
            None
        }
    }
}

impl Raw {
    /// The places of all texts, numbers and the like that may be a secret, which is everything but a path and the name
    /// of an environment variable in the usual capitals.
    pub(super) fn literals(&self) -> Vec<Place> {
        match &self.value {
            Value::Table(entries) => {
                let harmless = |entry: &&Entry| match &entry.value.value {
                    Value::Text(text) => entry.key == "file" || (entry.key == "env" && is_shouted(text)),
                    _ => false,
                };
                entries.iter().filter(|entry| !harmless(entry)).flat_map(|entry| entry.value.literals()).collect()
            }
            Value::List(items) => items.iter().flat_map(Self::literals).collect(),
            Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => vec![self.place],
        }
    }
}

/// Whether a text is in capitals, as names of environment variables usually are and secrets are not.
pub(super) fn is_shouted(text: &str) -> bool {
    text.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_')
}

impl Value {
    /// What this is, in words for a refusal.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

fn entries(table: &DeTable<'_>, file: usize) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: place(key.span(), file),
            value: raw(value, file),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_place);
    entries
}

fn raw(value: &toml::Spanned<DeValue<'_>>, file: usize) -> Raw {
    let kind = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number beyond all measure"),
        },
        DeValue::Boolean(is) => Value::Boolean(*is),
        DeValue::Array(values) => Value::List(values.iter().map(|value| raw(value, file)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, file)),
        DeValue::Float(_) => Value::Other("a number with a point"),
        DeValue::Datetime(_) => Value::Other("a date"),
    };
    Raw { place: place(value.span(), file), value: kind }
}

fn place(span: std::ops::Range<usize>, file: usize) -> Place {
    Place { file, start: span.start, end: span.end }
}
