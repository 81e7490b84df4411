//! `session_policy`: a file with a policy document that scopes sessions down.

use serde_json::Value;

use super::{context::Context, policy_file, reader::Node};

/// AWS takes 2048 characters in all, and 300 are for the statement that ends the session with the grant.
const LONGEST: usize = 2048 - 300;

/// The document of the file that this value names, minified.
pub(super) fn read(node: Node<'_>, context: &Context<'_>) -> Option<String> {
    let (name, document) = policy_file::read(node, context)?;
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
