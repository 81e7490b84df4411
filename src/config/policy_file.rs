//! Policy documents, which stand in files of their own.
//!
//! They are read once, when the configuration is read, so that what was checked is what AWS gets.

use serde_json::Value;

use super::{context::Context, forms, reader::Node};

/// The name and the content of the file that this value names.
pub(super) fn read(node: Node<'_>, context: &Context<'_>) -> Option<(String, Value)> {
    let path = context.beside(node.place(), &forms::text(node)?);
    let name = path.display().to_string();
    let text = match context.seen.read(&path) {
        Ok(text) => text,
        Err(error) => {
            let help = "The path is relative to the file that names it.";
            node.refuse(format!("{name} cannot be read: {error}"), help);
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(document) => Some((name, document)),
        Err(error) => {
            node.refuse(format!("{name} is not JSON: {error}"), "Mend the file; a policy document is plain JSON.");
            None
        }
    }
}
