//! The modal in front of somebody.

use maud::{Markup, html};
use serde_json::Value;

use super::{block::Paper, mrkdwn};
use crate::playground::workspace::{Spot, Window};

/// The modal, if there is one. The script shows it as the dialog that it is.
pub(super) fn modal(window: &Window<'_>, who: &str) -> Markup {
    let Some(view) = window.modal(who) else { return html! {} };
    let titled = |key: &str| view.content.get(key).map(mrkdwn::words);
    let title = titled("title").unwrap_or_default();
    let close = titled("close").unwrap_or_else(|| "Close".to_owned());
    let blocks: &[Value] = view.blocks();
    html! {
        dialog.modal data-modal=(view.id) data-key={ (view.id) "-" (view.hash) } aria-labelledby="modal-title" {
            form data-submit=(view.id) novalidate {
                header {
                    h2 id="modal-title" { (title) }
                    button.icon type="button" data-close=(view.id) aria-label={ (close) " " (title) } { "×" }
                }
                div.modal-body { ((Paper { window, part: "modal", spot: Spot::View { id: view.id.clone() } }).blocks(blocks)) }
                footer {
                    button.btn type="button" data-close=(view.id) { (close) }
                    @if let Some(submit) = titled("submit") { button.btn.primary type="submit" { (submit) } }
                }
            }
        }
    }
}
