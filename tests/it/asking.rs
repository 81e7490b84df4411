//! Asking for a role: what people type, and what they are told at once.

use jit::{domain::time, playground::workspace::Channel};

use crate::harness::{World, minutes};

#[expect(clippy::needless_pass_by_value, reason = "as `World::with` wants it")]
fn patient(config: String) -> String {
    format!("[limits]\npending_per_person = 50\n{config}")
}

#[tokio::test]
async fn a_length_of_time_is_read_the_way_people_write_it() {
    let mut world = World::with(patient).await;
    let [requester] = world.people(["requester"]);
    for (typed, asked) in [
        ("30m fixing OPS-42", "30m"),
        ("for 30m fixing OPS-42", "30m"),
        ("1h30m fixing OPS-42", "1h30m"),
        ("1h 30m fixing OPS-42", "1h30m"),
        ("90m fixing OPS-42", "1h30m"),
        ("1.5h fixing OPS-42", "1h30m"),
        ("5400s fixing OPS-42", "1h30m"),
        ("  2h   fixing OPS-42", "2h"),
        ("fixing OPS-42", "30m"),
        ("for fixing OPS-42", "30m"),
        ("1m fixing OPS-42", "1m"),
    ] {
        requester.types_in("requests", &format!("/jit request prod-deploy {typed}")).await;
        let request = world.awaiting(&requester).await;
        assert_eq!(time::short(request.duration()), asked, "{typed}");
        assert!(request.reason.ends_with("fixing OPS-42"), "{typed}: {}", request.reason);
        requester.types_in("requests", &format!("/jit cancel {}", request.code.request())).await;
    }
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_asked_back_about() {
    let world = World::start().await;
    let [requester] = world.people(["requester"]);
    let talk = [
        "/jit",
        "/jit reqeust prod-deploy 30m fixing OPS-42",
        "/jit frobnicate <!channel>",
        "/jit request",
        "/jit request prod-deploy 90 fixing OPS-42",
        "/jit request prod-deploy for 90 fixing OPS-42",
        "/jit request prod-deploy for",
        "/jit request prod-deploy -5m fixing OPS-42",
        "/jit request prod-deploy 99999999999999999999h fixing OPS-42",
        "/jit cancel",
        "/jit cancel everything",
        "/jit end",
    ];
    insta::assert_snapshot!(world.dialogue(&requester, &talk).await, @r"
    > /jit
    I give access to clouds for a while: you ask, people approve, and it ends by itself.
    `/jit request ROLE 30m why you need it` — ask for a role; without a time you get its usual one
    `/jit list` — what you may ask for, how long, and who approves
    `/jit status` — your requests that wait, and what you have
    `/jit extend GRANT-CODE 30m` — ask for more time
    `/jit cancel REQ-CODE` — withdraw a request
    `/jit end GRANT-CODE` — give access back before its time
    `/jit login 7K3M-9QXZ` — sign in the machine on which `jit login` shows this code
    `/jit sessions` — machines that are signed in as you, and signing them out
    `/jit help` — this text

    > /jit reqeust prod-deploy 30m fixing OPS-42
    I do not know `reqeust`. Did you mean `/jit request`?

    > /jit frobnicate <!channel>
    I do not know `frobnicate`. I know: request, list, status, extend, cancel, end, login, sessions, help.

    > /jit request
    Which role? `/jit list` shows what you may ask for. Then: `/jit request ROLE 30m why`

    > /jit request prod-deploy 90 fixing OPS-42
    `90` is not a length of time. Write it with a unit, like `30m`, `1h30m` or `1d`.

    > /jit request prod-deploy for 90 fixing OPS-42
    `90` is not a length of time. Write it with a unit, like `30m`, `1h30m` or `1d`.

    > /jit request prod-deploy for
    For how long? Write it like `30m` or `1h30m`, or leave out the `for`.

    > /jit request prod-deploy -5m fixing OPS-42
    `-5m` is not a length of time. Write it with a unit, like `30m`, `1h30m` or `1d`.

    > /jit request prod-deploy 99999999999999999999h fixing OPS-42
    `99999999999999999999h` is not a length of time. Write it with a unit, like `30m`, `1h30m` or `1d`.

    > /jit cancel
    Which one? Write its name: `/jit cancel REQ-CODE`. `/jit status` shows yours.

    > /jit cancel everything
    There is no request of that name. `/jit status` shows yours.

    > /jit end
    Which one? Write its name: `/jit end GRANT-CODE`. `/jit status` shows yours.
    ");
    assert_eq!(world.told(&requester, "/jit help").await, world.told(&requester, "/jit").await);
    world.finish().await;
}

#[tokio::test]
async fn the_policy_says_no_in_words_and_names_the_way_out() {
    let mut world = World::with(|config| {
        config.replacen("max_duration = \"2h\"", "max_duration = \"2h\"\nmin_duration = \"5m\"", 1)
    })
    .await;
    let [requester] = world.people(["requester"]);
    let talk = [
        "/jit request prod-deplyo 30m fixing OPS-42",
        "/jit request production 30m fixing OPS-42",
        "/jit request prod-deploy 2h1s fixing OPS-42",
        "/jit request prod-deploy 4m59s fixing OPS-42",
        "/jit request prod-deploy 30m",
        "/jit request prod-deploy",
    ];
    insta::assert_snapshot!(world.dialogue(&requester, &talk).await, @r"
    > /jit request prod-deplyo 30m fixing OPS-42
    There is no role `prod-deplyo`. Did you mean *prod-deploy*?

    > /jit request production 30m fixing OPS-42
    There is no role `production`. `/jit list` shows what you may ask for.

    > /jit request prod-deploy 2h1s fixing OPS-42
    2h1s is longer than this role allows. Ask for 2h or less.

    > /jit request prod-deploy 4m59s fixing OPS-42
    4m59s is shorter than this role allows. Ask for 5m or more.

    > /jit request prod-deploy 30m
    This role wants a reason. Say at the end of the command why you need it.

    > /jit request prod-deploy
    This role wants a reason. Say at the end of the command why you need it.
    ");
    world.settle().await;
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `prod-deplyo`: @requester, why `fixing OPS-42` · There is no role `prod-deplyo`. Did you mean *prod-deploy*? · #2 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `production`: @requester, why `fixing OPS-42` · There is no role `production`. `/jit list` shows what you may ask for. · #3 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `prod-deploy`: @requester, why `fixing OPS-42` · 2h1s is longer than this role allows. Ask for 2h or less. · #4 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `prod-deploy`: @requester, why `fixing OPS-42` · 4m59s is shorter than this role allows. Ask for 5m or more. · #5 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `prod-deploy`: @requester · This role wants a reason. Say at the end of the command why you need it. · #6 seal
      2026-11-21 12:00:00 UTC *refused* to ask for `prod-deploy`: @requester · This role wants a reason. Say at the end of the command why you need it. · #7 seal
    ");
    assert!(world.screen("requests").is_empty(), "nobody is bothered");
    world.finish().await;
}

#[tokio::test]
async fn whoever_may_not_ask_for_a_role_learns_nothing_from_its_neighbours() {
    let mut world = World::start().await;
    let [outsider] = world.people(["outsider"]);
    let talk = [
        "/jit request prod-deploy 30m fixing OPS-42",
        "/jit request prod-deplyo 30m fixing OPS-42",
        "/jit request sandbxo 30m",
        "/jit list",
    ];
    insta::assert_snapshot!(world.dialogue(&outsider, &talk).await, @r"
    > /jit request prod-deploy 30m fixing OPS-42
    *prod-deploy* is not for you to ask for: its `requesters` do not name you. `/jit list` shows what you may ask for.

    > /jit request prod-deplyo 30m fixing OPS-42
    There is no role `prod-deplyo`. `/jit list` shows what you may ask for.

    > /jit request sandbxo 30m
    There is no role `sandbxo`. Did you mean *sandbox*?

    > /jit list
    What you may ask for with `/jit request`:
    *sandbox* — Play in the sandbox
    1m to 8h, 30m unless you say
    1 approval from @oncall, @approver, @outsider or @requester; you may approve yourself
    ");
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn somebody_in_a_user_group_is_helped_with_typing_errors_too() {
    let mut world = World::start().await;
    let [oncall] = world.people(["oncall1"]);
    insta::assert_snapshot!(world.told(&oncall, "/jit request prod-deplyo 30m fixing OPS-42").await, @"There is no role `prod-deplyo`. Did you mean *prod-deploy*?");
    world.told(&oncall, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_ticket_is_found_in_the_reason() {
    let mut world = World::with(|config| {
        config.replacen("max_duration = \"2h\"", "max_duration = \"2h\"\nticket = \"^OPS-[0-9]+$\"", 1)
    })
    .await;
    let [requester] = world.people(["requester"]);
    let refused = [
        "/jit request prod-deploy 30m",
        "/jit request prod-deploy 30m fixing things",
        "/jit request prod-deploy 30m ops-42",
        "/jit request prod-deploy 30m XOPS-42",
    ];
    insta::assert_snapshot!(world.dialogue(&requester, &refused).await, @r"
    > /jit request prod-deploy 30m
    This role wants a ticket in the reason, of the form `^OPS-[0-9]+$`. Name it at the end of the command.

    > /jit request prod-deploy 30m fixing things
    This role wants a ticket in the reason, of the form `^OPS-[0-9]+$`. Name it at the end of the command.

    > /jit request prod-deploy 30m ops-42
    This role wants a ticket in the reason, of the form `^OPS-[0-9]+$`. Name it at the end of the command.

    > /jit request prod-deploy 30m XOPS-42
    This role wants a ticket in the reason, of the form `^OPS-[0-9]+$`. Name it at the end of the command.
    ");
    for reason in ["OPS-42", "fixing OPS-42, urgently", "(OPS-42)"] {
        let answer = world.told(&requester, &format!("/jit request prod-deploy 30m {reason}")).await;
        assert!(answer.starts_with("*REQ-CODE*: you asked for"), "{reason}: {answer}");
    }
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_reason_of_nothing_visible_is_no_reason() {
    let world = World::start().await;
    let [requester] = world.people(["requester"]);
    let answer = world.told(&requester, "/jit request prod-deploy 30m \u{200b}\u{2060}\u{feff}\u{202e}").await;
    assert_eq!(answer, "This role wants a reason. Say at the end of the command why you need it.");
    world.finish().await;
}

#[tokio::test]
async fn a_role_name_as_long_as_slack_lets_through_is_answered_at_once() {
    let world = World::start().await;
    let [requester] = world.people(["requester"]);
    for command in [format!("/jit request {}", "prod-deploy".repeat(5_000)), format!("/jit {}", "list".repeat(12_000))]
    {
        let delivery = requester.types_in("requests", &command).await;
        assert!(delivery.elapsed < std::time::Duration::from_secs(1), "{:?}", delivery.elapsed);
        assert!(world.private(&requester).contains('…'));
    }
    world.finish().await;
}

#[tokio::test]
async fn requests_are_withdrawn_by_whoever_made_them() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    let name = world.awaiting(&requester).await.code.request();
    insta::assert_snapshot!(world.told(&approver, &format!("/jit cancel {name}")).await, @"REQ-CODE is the request of @requester: only they can withdraw it.");
    let lower = name.to_lowercase();
    let talk = [format!("/jit cancel {lower}"), format!("/jit cancel {name}"), "/jit cancel REQ-0000".to_owned()];
    let talk: Vec<&str> = talk.iter().map(String::as_str).collect();
    insta::assert_snapshot!(world.dialogue(&requester, &talk).await.replace(&lower, "req-code").replace("REQ-0000", "REQ-NONE"), @r"
    > /jit cancel req-code
    REQ-CODE is withdrawn. Nobody can approve it any more.

    > /jit cancel REQ-CODE
    REQ-CODE was withdrawn by its requester, 2026-11-21 12:00:00 UTC.

    > /jit cancel REQ-CODE
    There is no request of that name. `/jit status` shows yours.
    ");
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Withdrawn* by the requester on 2026-11-21 12:00:00 UTC
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.kinds(3).await.join("\n"), @r"
    attempt_refused by U0APPROVER
    request_cancelled by U0REQUESTER
    attempt_refused by U0REQUESTER
    ");
    assert!(world.dm(&requester).is_empty(), "the answer has said it already");
    world.finish().await;
}

#[tokio::test]
async fn what_was_decided_cannot_be_withdrawn() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    let name = world.awaiting(&requester).await.code.request();
    world.settle().await;
    world.clicked(&approver, "Approve").await;
    insta::assert_snapshot!(world.told(&requester, &format!("/jit cancel {name}")).await, @"REQ-CODE was approved already, 2026-11-21 12:00:00 UTC.");
    world.told(&requester, "/jit request prod-deploy 30m again").await;
    let name = world.awaiting(&requester).await.code.request();
    world.clock.advance_to(world.now() + minutes(60));
    insta::assert_snapshot!(world.told(&requester, &format!("/jit cancel {name}")).await, @"REQ-CODE has lapsed: it could be decided until 2026-11-21 13:00:00 UTC.");
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_nobody_could_ever_grant_is_refused_at_once() {
    let world = World::with(|config| {
        config.replace(
            "approvals = 2\napprovers = [\"sre\", \"leads\"]",
            "approvals = 2\napprovers = [\"leads\", \"U0REQUESTER\"]",
        )
    })
    .await;
    let [requester] = world.people(["requester"]);
    insta::assert_snapshot!(world.told(&requester, "/jit request prod-deploy 2h moving the database").await, @"This could never be granted: 2 approvals needed, and there is only one person who may give one. An operator has to name more approvers.");
    world.finish().await;
}

#[tokio::test]
async fn a_role_may_have_a_channel_of_its_own() {
    let mut world = World::with(|config| {
        config.replacen("max_duration = \"2h\"", "max_duration = \"2h\"\nchannel = \"C0DEPLOYS\"", 1)
    })
    .await;
    world.slack.add_channel(Channel::public("deploys"));
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    assert!(world.screen("deploys").contains("[Approve]") && world.screen("requests").is_empty());
    world.clicked(&approver, "Approve").await;
    assert!(world.screen("deploys").contains("is *live*"));
    world.glance();
    world.finish().await;
}
