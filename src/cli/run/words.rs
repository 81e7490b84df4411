//! What somebody is told while the command runs.

use std::time::Duration;

use super::super::{moment, waiting};
use crate::{domain::time::short, runner::supervise::Notice};

/// The words for it.
pub(super) fn of(notice: &Notice) -> String {
    match notice {
        Notice::EndIsNear(at) => format!(
            "the grant ends {}. What runs then is stopped; `jit extend` and --extend-up-to ask for more time",
            moment(*at)
        ),
        Notice::EndMoved(at) => format!("the grant ends {} now", moment(*at)),
        Notice::AskedForMore(request) => format!("{}. {}", waiting::asked(request), waiting::waits(request)),
        Notice::NoMore(why) => format!("there is no more time: {why}"),
        Notice::Silence(why) => format!(
            "{why}. The command runs on. If the server hears nothing from here for two minutes, it ends the grant"
        ),
        Notice::Back => "the server answers again".to_owned(),
        Notice::Refused(why) => format!("the server does not take us for who we were any more: {why}"),
        Notice::Stopping { why, grace } => {
            let grace = short(Duration::from_secs(grace.as_secs()));
            format!("{why}. The command is asked to end (SIGTERM), and killed after {grace}")
        }
    }
}
