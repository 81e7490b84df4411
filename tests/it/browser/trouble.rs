//! What is broken on purpose, and how the bot gets over it.

use super::Tab;

#[tokio::test]
async fn a_cloud_that_cannot_be_reached_is_asked_again_until_it_can() {
    let tab = Tab::open().await;
    tab.chooses("#l-aws", "is unreachable").await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.becomes("Bob").await;
    tab.presses("messages", "Approve").await;
    tab.sees("clouds", "no answer").await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.sees("messages", "cannot be reached").await;
    tab.chooses("#l-aws", "works").await;
    tab.presses("levers", "+1 min").await;
    tab.sees("messages", "is live until").await;
    tab.sees("clouds", "left").await;
    tab.close().await;
}

#[tokio::test]
async fn while_slack_is_away_decisions_stand_and_messages_are_caught_up_with() {
    let tab = Tab::open().await;
    tab.chooses("#l-slack", "is unreachable").await;
    // The answer to a command goes back by the way it came; the card cannot be posted.
    tab.types("/jit request logs 30m").await;
    tab.sees("messages", "you asked for logs for 30m").await;
    tab.becomes("Bob").await;
    tab.sees("messages", "Nothing here yet.").await;
    tab.chooses("#l-slack", "works").await;
    tab.presses("levers", "+1 min").await;
    tab.presses("messages", "Approve").await;
    tab.sees("clouds", "open logs for Ann").await;
    tab.close().await;
}

#[tokio::test]
async fn a_bot_that_is_killed_loses_nothing() {
    let tab = Tab::open().await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.presses("levers", "Kill it").await;
    tab.sees("levers", "is dead").await;
    tab.types("/jit status").await;
    tab.sees("messages", "dispatch_failed").await;
    tab.becomes("Bob").await;
    tab.presses("messages", "Approve").await;
    tab.sees("toast", "went nowhere").await;
    tab.presses("levers", "Start it again").await;
    tab.sees("levers", "is alive").await;

    // Killed between the decision and the cloud: it is on disk what is owed.
    tab.chooses("#l-aws", "is slow").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "You approved").await;
    tab.presses("levers", "Kill it").await;
    tab.sees("levers", "is dead").await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.chooses("#l-aws", "works").await;
    tab.presses("levers", "Start it again").await;
    tab.sees("messages", "is live until").await;
    tab.sees("clouds", "left").await;

    // Killed while the end comes: it is made up for.
    tab.presses("levers", "Kill it").await;
    tab.sees("levers", "is dead").await;
    tab.presses("levers", "To the next end").await;
    tab.sees("clouds", "over").await;
    tab.presses("levers", "Start it again").await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.sees("messages", "its time is over").await;
    tab.opens("access-audit").await;
    tab.sees("messages", "ended: its time is over").await;
    tab.close().await;
}
