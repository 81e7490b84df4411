//! Secrets: where one is kept, and reading it from there.
//!
//! A configuration says where a secret is, never what it is. Some are read when the bot starts, others when they are
//! used; both go through [`read`]. No error of this file contains a secret.

use std::{collections::BTreeMap, env, fs, io, path::PathBuf};

use secrecy::SecretString;
use thiserror::Error;

use super::{
    Secrets,
    context::Context,
    raw::{Value, is_shouted},
    reader::{Node, Table, Wants},
};
use crate::domain::catalog::SecretRef;

/// Where environment variables come from; a parameter, so that tests need not touch the process's own.
pub trait Environment: Send + Sync {
    /// The variable's value, if it is set and is text.
    fn lookup(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn lookup(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }
}

impl Environment for BTreeMap<String, String> {
    fn lookup(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Why a secret cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Nobody set it.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// It is set to nothing.
    #[error("the environment variable {0} is empty")]
    EmptyVariable(String),
    /// The file cannot be read.
    #[error("{} cannot be read: {because}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        because: io::Error,
    },
    /// The file says nothing.
    #[error("{} is empty", .0.display())]
    EmptyFile(PathBuf),
}

/// Fetches a secret, with white space around it cut off.
///
/// # Errors
/// When it is not where it should be, or is empty.
pub fn read(secret: &SecretRef, environment: &dyn Environment) -> Result<SecretString, SecretError> {
    let (text, empty) = match secret {
        SecretRef::Env(name) => {
            let text = environment.lookup(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
            (text, SecretError::EmptyVariable(name.clone()))
        }
        SecretRef::File(path) => {
            let text =
                fs::read_to_string(path).map_err(|because| SecretError::Unreadable { path: path.clone(), because })?;
            (text, SecretError::EmptyFile(path.clone()))
        }
    };
    if text.trim().is_empty() { Err(empty) } else { Ok(text.trim().into()) }
}

/// A secret that is needed now. When secrets may be missing, a missing one is an empty text; such a configuration is
/// never handed out (see [`super::check`]).
pub(super) fn now(node: Node<'_>, context: &Context<'_>) -> Option<SecretString> {
    let secret = reference(node, context)?;
    fetch(node, &secret, context)
}

/// Where a secret is that is needed later. It is looked at now all the same, so that its absence is found today.
pub(super) fn later(node: Node<'_>, context: &Context<'_>) -> Option<(SecretRef, SecretString)> {
    let secret = reference(node, context)?;
    let today = fetch(node, &secret, context)?;
    Some((secret, today))
}

fn fetch(node: Node<'_>, secret: &SecretRef, context: &Context<'_>) -> Option<SecretString> {
    match (read(secret, context.environment), context.secrets) {
        (Ok(text), _) => Some(text),
        (Err(_), Secrets::MayBeMissing) => Some(SecretString::default()),
        (Err(error), Secrets::Required) => {
            let help = "Provide it before starting; to check a file where secrets are not at hand, use `jit check \
                        --no-secrets`.";
            node.refuse(format!("`{}`: {}", node.key, carefully(&error)), help);
            None
        }
    }
}

/// A name in capitals is a name. Anything else may be the secret itself, put in the wrong place, and is not repeated.
fn carefully(error: &SecretError) -> String {
    match error {
        SecretError::NotSet(name) if !is_shouted(name) => "there is no environment variable of this name".to_owned(),
        SecretError::NotSet(_)
        | SecretError::EmptyVariable(_)
        | SecretError::Unreadable { .. }
        | SecretError::EmptyFile(_) => error.to_string(),
    }
}

/// `{ env = "NAME" }` or `{ file = "path" }`, the path relative to the file that names it.
fn reference(node: Node<'_>, context: &Context<'_>) -> Option<SecretRef> {
    node.star_out();
    let Value::Table(_) = &node.raw.value else {
        let help = "Secrets are never literals in a file: { env = \"NAME\" } or { file = \"path\" }. If this one was \
                    ever saved or pushed, replace it.";
        node.refuse(format!("`{}` is written out in the file", node.key), help);
        return None;
    };
    node.table(&Wants("a place", "{ env = \"NAME\" }"), |table| one_of_two(node, table, context)).flatten()
}

fn one_of_two(node: Node<'_>, table: &mut Table<'_>, context: &Context<'_>) -> Option<SecretRef> {
    let before = table.report().count();
    let env = table.optional("env", variable_name);
    let file = table.optional("file", super::forms::text);
    match (env, file) {
        (Some(name), None) => Some(SecretRef::Env(name)),
        (None, Some(path)) => Some(SecretRef::File(context.beside(node.place(), &path))),
        (None, None) if table.report().count() > before => None,
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("`{}` must say one place where the secret is", node.key);
            node.refuse(message, "Write { env = \"NAME\" } or { file = \"path\" }, not both.");
            None
        }
    }
}

fn variable_name(node: Node<'_>) -> Option<String> {
    let name = node.text(&Wants("the name of an environment variable", "{ env = \"SLACK_BOT_TOKEN\" }"))?;
    let fits = !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    if !fits {
        let help = "It is the variable's name that goes here, such as SLACK_BOT_TOKEN, not the secret itself.";
        node.refuse("`env` is not the name of an environment variable", help);
    }
    fits.then(|| name.to_owned())
}
