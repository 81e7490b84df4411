//! The cloud panel: who has what and until when, the credentials that were handed out, and the calls that led there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::{
    domain::{catalog::DemoCloud as Cloud, principal::Principal},
    playground::{
        web::{lever::CLOUDS, stage::Stage},
        workspace::Window,
    },
    provider::demo::{Call, Claim, Entry},
};

/// So many calls are shown: what led to what is to be seen now.
const CALLS: usize = 12;
/// So many claims.
const CLAIMS: usize = 4;

/// Both clouds.
pub(super) fn panel(stage: &Stage, window: &Window<'_>) -> Markup {
    let entries: Vec<(String, Entry)> =
        stage.clouds.contents().into_iter().map(|(key, entry)| (key.resource, entry)).collect();
    let (claims, calls) = (stage.clouds.claims(), stage.clouds.calls());
    html! {
        @for (cloud, key, name) in CLOUDS {
            @let here: Vec<_> = entries.iter().filter(|(_, entry)| entry.cloud == cloud).collect();
            @let claimed: Vec<_> = claims.iter().filter(|claim| claim.cloud == cloud).rev().take(CLAIMS).collect();
            section class={ "cloud " (key) } data-key=(key) aria-labelledby={ "cloud-" (key) } {
                h3 id={ "cloud-" (key) } { span.logo aria-hidden="true" {} (name) }
                @if let Some(url) = stage.emulator.as_ref().filter(|_| cloud == Cloud::Aws) {
                    p.empty { "Calls of AWS go to the emulator at " code { (url) } ". Look there for what exists." }
                } @else if here.is_empty() {
                    p.empty { "Nobody has anything." }
                } @else {
                    ul.grants { @for (resource, entry) in here { (grant(window, resource, entry)) } }
                }
                @if !claimed.is_empty() {
                    h4 { "Credentials claimed" }
                    ul.claims { @for claim in claimed { (self::claim(window, claim)) } }
                }
            }
        }
        section.calls data-key="calls" aria-labelledby="calls" {
            h3 id="calls" { "What the bot asked of them" }
            @if calls.is_empty() { p.empty { "Nothing yet." } } @else { ol { @for (call, times) in folded(&calls).into_iter().rev().take(CALLS) { (self::call(window, call, times)) } } }
        }
    }
}

fn grant(window: &Window<'_>, resource: &str, entry: &Entry) -> Markup {
    html! {
        li.grant {
            span.who { (name(window, &entry.holder)) }
            span.what { (resource) @if entry.sessions { small { "may open sessions" } } }
            span.left data-until=(entry.until.as_millisecond()) { "until " (clock(entry.until)) }
        }
    }
}

fn claim(window: &Window<'_>, claim: &Claim) -> Markup {
    html! {
        li { (name(window, &claim.holder)) " for " code { (claim.resource) } ", "
            span data-until=(claim.until.as_millisecond()) { "until " (clock(claim.until)) } }
    }
}

fn call(window: &Window<'_>, call: &Call, times: usize) -> Markup {
    let cloud = CLOUDS.iter().find(|(cloud, ..)| *cloud == call.cloud).map_or("", |(_, _, name)| *name);
    html! {
        li.failed[call.failure.is_some()] {
            (clock(call.at)) " "
            span.cloud-name { (cloud) } " "
            strong { (call.verb) } " " (call.resource) " for " (name(window, &call.holder))
            @if let Some(why) = call.failure { span.why { " " (why) @if times > 1 { " ×" (times) } } }
        }
    }
}

/// The same failure again and again is one line.
fn folded(calls: &[Call]) -> Vec<(&Call, usize)> {
    let mut folded: Vec<(&Call, usize)> = Vec::new();
    let mut last: BTreeMap<(Cloud, &str), usize> = BTreeMap::new();
    for call in calls {
        let key = (call.cloud, call.resource.as_str());
        let same = last.get(&key).and_then(|place| folded.get_mut(*place));
        match same {
            Some((earlier, times))
                if call.failure.is_some() && earlier.failure == call.failure && earlier.verb == call.verb =>
            {
                (*earlier, *times) = (call, *times + 1);
            }
            _ => {
                last.insert(key, folded.len());
                folded.push((call, 1));
            }
        }
    }
    folded
}

fn name(window: &Window<'_>, who: &Principal) -> String {
    let known = window.user(&who.to_string()).map(|user| user.real_name.clone());
    known.unwrap_or_else(|| who.to_string())
}

fn clock(at: Timestamp) -> Markup {
    html! { time data-at=(at.as_millisecond()) data-format="{time_secs}" { (at.strftime("%H:%M:%S UTC").to_string()) } }
}
