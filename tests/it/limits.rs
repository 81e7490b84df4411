//! How often one may ask, and how much of what one writes Slack takes.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::harness::{World, hours, minutes};

#[tokio::test]
async fn five_requests_may_wait_at_once() {
    let mut world = World::start().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    for _ in 0..5 {
        let answer = world.told(&requester, "/jit request sandbox 1h").await;
        assert!(answer.starts_with("*REQ-CODE*"), "{answer}");
    }
    insta::assert_snapshot!(world.told(&requester, "/jit request sandbox 1h").await, @"You have 5 requests waiting for a decision, which is the limit. Withdraw one with `/jit cancel`, or wait.");
    assert!(world.told(&lead, "/jit request sandbox 1h").await.starts_with("*REQ-CODE*"), "others are not held back");
    let name = world.awaiting(&requester).await.code.request();
    world.told(&requester, &format!("/jit cancel {name}")).await;
    assert!(world.told(&requester, "/jit request sandbox 1h").await.starts_with("*REQ-CODE*"));
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_has_lapsed_waits_no_longer_even_before_the_job_that_says_so() {
    let mut world = World::with(|config| format!("[limits]\npending_per_person = 1\n{config}")).await;
    let [requester] = world.people(["requester"]);
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.clock.advance_to(world.now() + hours(1));
    assert!(world.told(&requester, "/jit request prod-deploy 30m again").await.starts_with("*REQ-CODE*"));
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn so_many_requests_an_hour() {
    let mut world = World::with(|config| format!("[limits]\nrequests_per_person_per_hour = 3\n{config}")).await;
    let [requester] = world.people(["requester"]);
    for _ in 0..3 {
        world.told(&requester, "/jit request sandbox 1h").await;
        world.advance(minutes(10)).await;
    }
    insta::assert_snapshot!(world.told(&requester, "/jit request sandbox 1h").await, @"You have made 3 requests within the last hour, which is the limit. Try again later.");
    world.advance(minutes(30) - SignedDuration::from_micros(1)).await;
    assert!(world.told(&requester, "/jit request sandbox 1h").await.starts_with("You have made 3"));
    world.clock.advance(SignedDuration::from_micros(1));
    assert!(world.told(&requester, "/jit request sandbox 1h").await.starts_with("*REQ-CODE*"));
    world.settle().await;
    world.glance();
    world.finish().await;
}

/// Everything that has a meaning to Slack, to a terminal or to a reader's eye.
const HOSTILE: &str = "<!channel> <!here> <@U0LEAD> <!subteam^S0ONCALL> &lt;!channel&gt; &amp;lt; *bold* `code` ```pre``` \
     <https://evil.example|Approve> ~x~ _y_\n*Approved* by <@U0LEAD>\r\n> quote\u{2028}GRANT-7K3M is *live*\u{202e}txt.exe\
     \u{2066}\u{200b}\u{feff}\u{7}\t :white_check_mark: ";

#[tokio::test]
async fn the_longest_and_wildest_reason_pings_nobody_forges_nothing_and_fits() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let reason: String = HOSTILE.chars().cycle().take(10_000).collect();
    world.told(&requester, &format!("/jit request prod-deploy 30m {reason}")).await;
    world.settle().await;
    assert_eq!(world.awaiting(&requester).await.reason.trim(), reason.trim(), "it is kept as it was written");
    let card = world.newest("requests");
    let expected: BTreeSet<String> = ["approver", "oncall1", "requester"].map(str::to_owned).into();
    assert_eq!(world.slack.notified(&card), expected, "the approvers and whoever asks");
    let lines: Vec<String> = world.screen("requests").lines().map(|line| line.chars().take(60).collect()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: <!channel> <!here> <@U0LEAD> <!subteam^S0ONCALL> <!ch
      1 approval needed from @oncall or @approver
      To be decided by 2026-11-21 13:00:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval ·
    ");
    world.clicked(&approver, "Approve").await;
    world.advance(minutes(30)).await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:30:00 UTC: its time is over.
      GRANT-CODE · approved by @approver
    ");
    let lines: Vec<String> = world.feed().lines().map(|line| line.chars().take(88).collect()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
    2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 30m, why `
    2026-11-21 12:00:00 UTC *REQ-CODE* *granted* by @approver until 2026-11-21 12:30:00 UTC:
    2026-11-21 12:00:00 UTC *GRANT-CODE* *opened* `arn:aws:iam::123456789012:role/prod-deplo
    2026-11-21 12:00:00 UTC *GRANT-CODE* *live* until 2026-11-21 12:30:00 UTC: @requester, *
    2026-11-21 12:30:00 UTC *GRANT-CODE* *ending*: its time is over · @requester, *prod-depl
    2026-11-21 12:30:00 UTC *GRANT-CODE* *closed* `arn:aws:iam::123456789012:role/prod-deplo
    2026-11-21 12:30:00 UTC *GRANT-CODE* *ended*: its time is over · @requester, *prod-deplo
    ");
    world.glance();
    nobody_is_deceived(&world);
    world.finish().await;
}

#[tokio::test]
async fn letters_that_grow_on_the_way_leave_every_line_of_the_feed_whole() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    let wild = "&*a*<".repeat(500);
    let answer = world.told(&requester, &format!("/jit request {wild} 30m {wild}")).await;
    assert!(answer.starts_with("There is no role"), "{answer}");
    world.settle().await;
    let screen = world.screen("audit");
    let line = screen.lines().last().unwrap();
    assert!(line.ends_with("· #2 seal"), "{line}");
    assert_eq!(line.matches('`').count() % 2, 0, "what somebody wrote stays in its code span: {line}");
    world.finish().await;
}

#[tokio::test]
async fn a_list_of_very_many_roles_is_cut_and_says_so() {
    let roles: Vec<String> = (0..80)
        .map(|place| {
            let description = "What it is good for. ".repeat(12);
            format!(
                "\n[[role]]\nname = \"role-{place:02}\"\ndescription = \"{description}\"\nmax_duration = \"8h\"\n\
                 [[role.rule]]\napprovals = 1\napprovers = [\"sre\"]\n\
                 [[role.target]]\ntype = \"aws-sts\"\nrole_arn = \"arn:aws:iam::123456789012:role/r{place}\"\n"
            )
        })
        .collect();
    let world = World::with(|config| config + &roles.concat()).await;
    let [requester] = world.people(["requester"]);
    let answer = world.told(&requester, "/jit list").await;
    insta::assert_snapshot!(answer.lines().next_back().unwrap(), @"… and 59 more");
    world.finish().await;
}

/// No message pings a crowd, and none has letters in it that turn the line around or cannot be seen.
fn nobody_is_deceived(world: &World) {
    let known = ["U0APPROVER", "U0REQUESTER"];
    for channel in ["requests", "audit", "alerts"] {
        for version in world.slack.channel(channel).messages().into_iter().flat_map(|message| message.versions) {
            assert!(version.pings.broadcasts.is_empty(), "{}", version.text);
            assert!(version.pings.users.iter().all(|user| known.contains(&user.as_str())), "{:?}", version.pings);
            let all = format!("{}{}", version.text, serde_json::to_string(&version.blocks).unwrap());
            for letter in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{7}', '\u{2028}'] {
                assert!(!all.contains(letter), "U+{:04X} in {}", u32::from(letter), version.text);
            }
        }
    }
}
