//! `[groups]`: named sets of people, and how they are resolved into circles.
//!
//! Groups of all files are known before the first one is resolved, so a role may use a group of another file. A name is
//! read as a Slack id when it has the form of one, and as the name of a group otherwise.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    forms::is_slack_id,
    problem::Finding,
    reader::{Node, Wants},
    source::Place,
    suggest,
};
use crate::domain::people::Circle;

/// Every group of every file.
pub(super) struct Groups<'r> {
    defined: BTreeMap<&'r str, (Place, Node<'r>)>,
    /// Groups that have been resolved; `None` for those with problems, which are reported once.
    resolved: RefCell<BTreeMap<&'r str, Option<Circle>>>,
}

impl<'r> Groups<'r> {
    /// Collects the groups and resolves each, so that a bad one is found even when no role uses it.
    pub(super) fn read(tables: &[Node<'r>]) -> Self {
        let mut groups = Self { defined: BTreeMap::new(), resolved: RefCell::default() };
        for node in tables {
            node.table(&Wants("a table", "[groups]"), |table| {
                for (name, members) in table.every_key() {
                    groups.define(name.value, name.place, members);
                }
            });
        }
        for name in groups.defined.keys() {
            groups.resolve(name, &mut Vec::new());
        }
        groups
    }

    fn define(&mut self, name: &'r str, place: Place, members: Node<'r>) {
        if is_slack_id(name, "UWS") {
            let help = format!(
                "Write it in lower case: {}. People and user groups are written the way it is now.",
                name.to_lowercase()
            );
            let message = format!("The group's name \"{name}\" looks like a Slack id");
            members.report.add(Finding::at(place, message, help));
        } else if let Some((first, _)) = self.defined.get(name) {
            let help = "Merge the two, or give one another name.";
            let finding = Finding::at(place, format!("The group \"{name}\" is defined twice"), help);
            members.report.add(finding.label("again here").also(*first, "first here"));
        } else {
            self.defined.insert(name, (place, members));
        }
    }

    /// The circle that a list of people, user groups and groups means. `None` when there is something wrong with it.
    pub(super) fn circle(&self, node: Node<'r>) -> Option<Circle> {
        self.members(node, &mut Vec::new())
    }

    fn members(&self, node: Node<'r>, within: &mut Vec<&'r str>) -> Option<Circle> {
        let wants = Wants("a list of Slack ids and names of groups", "[\"sre\", \"U0AAAA1\", \"S0ONCALL\"]");
        let mut all = Some(Circle::default());
        for item in node.list(&wants)? {
            let more = self.member(item, &wants, within);
            all = all.zip(more).map(|(all, more)| union(all, more));
        }
        all
    }

    fn member(&self, node: Node<'r>, wants: &Wants, within: &mut Vec<&'r str>) -> Option<Circle> {
        let name = node.text(wants)?;
        if self.defined.contains_key(name) {
            if let Some(start) = within.iter().position(|outer| *outer == name) {
                refuse_loop(node, &within[start..], name);
                return None;
            }
            self.resolve(name, within)
        } else if is_slack_id(name, "UW") {
            Some(Circle { users: [name.into()].into(), ..Circle::default() })
        } else if is_slack_id(name, "S") {
            Some(Circle { user_groups: [name.into()].into(), ..Circle::default() })
        } else {
            self.refuse_unknown(node, name);
            None
        }
    }

    fn resolve(&self, name: &'r str, within: &mut Vec<&'r str>) -> Option<Circle> {
        if let Some(known) = self.resolved.borrow().get(name) {
            return known.clone();
        }
        let (_, members) = self.defined.get(name)?;
        within.push(name);
        let circle = self.members(*members, within);
        within.pop();
        self.resolved.borrow_mut().insert(name, circle.clone());
        circle
    }

    fn refuse_unknown(&self, node: Node<'_>, name: &str) {
        let shouted = name.to_uppercase();
        let help = match suggest::nearest(name, self.defined.keys().copied()) {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None if shouted.bytes().any(|letter| letter.is_ascii_digit()) && is_slack_id(&shouted, "UWS") => {
                format!("Slack ids are written in capitals: \"{shouted}\".")
            }
            None => {
                "Add it to [groups], or write a Slack id: U... for a person (profile, three dots, Copy member ID), S... \
                     for a user group."
                    .to_owned()
            }
        };
        node.refuse(format!("There is no group \"{name}\""), help);
    }
}

fn refuse_loop(node: Node<'_>, path: &[&str], name: &str) {
    let path: Vec<&str> = path.iter().copied().chain([name]).collect();
    let help = "Take one of these references out.";
    node.refuse(format!("These groups contain each other: {}", path.join(" > ")), help);
}

fn union(mut one: Circle, other: Circle) -> Circle {
    one.users.extend(other.users);
    one.user_groups.extend(other.user_groups);
    one
}
