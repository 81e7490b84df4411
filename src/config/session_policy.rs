//! `session_policy`: a file with a policy document that scopes sessions down.
//!
//! It is read and minified once, when the configuration is read, so that what was checked is what AWS gets.

use serde_json::Value;

use super::{context::Context, forms, reader::Node};

/// AWS takes 2048 characters in all, and 300 are for the statement that ends the session with the grant.
const LONGEST: usize = 2048 - 300;

/// The document of the file that this value names, minified.
pub(super) fn read(node: Node<'_>, context: &Context<'_>) -> Option<String> {
    let path = context.beside(node.place(), &forms::text(node)?);
    let name = path.display();
    let text = match context.seen.read(&path) {
        Ok(text) => text,
        Err(error) => {
            let help = "The path is relative to the file that names it.";
            node.refuse(format!("{name} cannot be read: {error}"), help);
            return None;
        }
    };
    let document: Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => {
            node.refuse(format!("{name} is not JSON: {error}"), "Mend the file; a policy document is plain JSON.");
            return None;
        }
    };
    if !document.get("Statement").is_some_and(Value::is_array) {
        let help = "It looks like { \"Version\": \"2012-10-17\", \"Statement\": [ ... ] }, with square brackets even \
                    around one statement.";
        node.refuse(format!("{name} is not a policy document with a list of statements"), help);
        return None;
    }
    let minified = document.to_string();
    let length = minified.chars().count();
    if length > LONGEST {
        let help = "AWS takes 2048 in all, and 300 are for the statement that ends the session with the grant. Use \
                    wildcards, or put the narrowing into the role itself.";
        node.refuse(format!("{name} has {length} characters without white space, {LONGEST} are allowed"), help);
        return None;
    }
    Some(minified)
}
