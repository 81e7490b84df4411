//! What Identity Center and the organization tell: who people are, what there is, and what is missing.

use jit::{
    ambient::Clock,
    provider::{ErrorKind, Holder, Live, Provider, aws::identity_center::Instance},
};
use serde_json::json;

use crate::harness::aws::{
    Fault,
    center_story::{MEMBER, Story},
    identity_center::unique,
};

fn holder(email: Option<&str>, name: Option<&str>) -> Holder {
    Holder {
        email: email.map(Into::into),
        aws_identity_center: name.map(Into::into),
        ..Holder::unknown("U0AAAA1".into())
    }
}

#[tokio::test]
async fn people_are_found_by_alias_email_or_name() {
    let story = Story::start().await;
    let [alias, email] = [unique("alias"), format!("{}@example.com", unique("name"))];
    let named = story.cloud.directory_user(&alias, None).await;
    let by_name = story.cloud.directory_user(&email, None).await;
    for (who, expected) in [
        (holder(Some(&story.email), Some(&alias)), &named),
        (holder(Some(&email), None), &by_name),
        (holder(Some(&story.email), None), &story.user),
    ] {
        let mut access = story.access();
        access.work.holder = who;
        let receipt = story.aws.resolve(&access.work).await.unwrap();
        assert_eq!(receipt.0["user_id"], *expected);
    }
    let asked = story.calls()["GetUserId"];
    story.aws.resolve(&story.access().work).await.unwrap();
    assert_eq!(story.calls()["GetUserId"], asked, "remembered");

    for (who, words) in [
        (
            holder(Some("nobody@example.com"), None),
            "nobody in Identity Center has the e-mail address or user name nobody@example.com: have the user made there, or set person.aws_identity_center to their user name",
        ),
        (
            holder(Some(&story.email), Some("nobody")),
            "there is no user nobody in Identity Center: mend person.aws_identity_center, or have the user made there",
        ),
        (
            holder(None, None),
            "Slack does not tell the e-mail address of U0AAAA1, so they cannot be found in Identity Center: allow the app users:read.email, or set person.aws_identity_center to their user name",
        ),
    ] {
        let mut access = story.access();
        access.work.holder = who;
        let error = story.aws.resolve(&access.work).await.unwrap_err();
        assert_eq!((error.kind, &*error.message), (ErrorKind::Refused, words));
    }
    let mut access = story.access();
    access.work.holder = holder(Some("two@example.com"), None);
    story.cloud.fail("GetUserId", 1, Fault::CONFLICT);
    let error = story.aws.resolve(&access.work).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(
        error.message.starts_with("there is more than one user with the e-mail address two@example.com"),
        "{error}"
    );
}

#[tokio::test]
async fn the_instance_is_looked_up_once_or_named() {
    let story = Story::start().await;
    let receipt = story.aws.resolve(&story.access().work).await.unwrap();
    assert_eq!(receipt.0["session_duration"], "7200");
    story.aws.resolve(&story.access().work).await.unwrap();
    assert_eq!(story.calls()["ListInstances"], 1);
    assert_eq!(story.calls()["DescribePermissionSet"], 1);

    let instance = story.cloud.identity_center().await;
    let named = Story::with(|settings| settings.instance = Some(instance), |_| {}).await;
    named.aws.resolve(&named.access().work).await.unwrap();
    assert!(!named.calls().contains_key("ListInstances"));

    let one = |id: &str| json!({ "InstanceArn": format!("arn:aws:sso:::instance/{id}"), "IdentityStoreId": "d-1" });
    for (instances, words) in [
        (json!([]), "the bot sees no IAM Identity Center in eu-west-1: set aws.region to its home region"),
        (
            json!([one("a"), one("b")]),
            "the bot sees 2 instances of IAM Identity Center: say which one in aws.identity_center (arn:aws:sso:::instance/a, arn:aws:sso:::instance/b)",
        ),
    ] {
        let story = Story::start().await;
        story.cloud.answers("ListInstances", &json!({ "Instances": instances }));
        let error = story.aws.resolve(&story.access().work).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.starts_with(words), "{error}");
        story.aws.resolve(&story.access().work).await.unwrap();
    }

    let wrong = Instance { arn: "arn:aws:sso:::instance/x".into(), store: story.cloud.identity_center().await.store };
    let story = Story::with(|settings| settings.instance = Some(wrong), |_| {}).await;
    let error = story.aws.resolve(&story.access().work).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_unit_stands_for_its_active_accounts_and_those_below() {
    let story = Story::start().await;
    let top = story.cloud.unit(None).await;
    let below = story.cloud.unit(Some(&top)).await;
    let mut expected = Vec::new();
    for unit in [&top, &top, &below] {
        expected.push(story.cloud.account_in(unit).await);
    }
    let closed = story.cloud.account_in(&below).await;
    story.cloud.close_account(&closed).await;
    expected.sort();
    let now = story.clock.now();
    assert_eq!(story.aws.accounts_of(&top, now).await.unwrap(), expected);
    assert_eq!(story.calls()["ListAccountsForParent"], 2);

    story.cloud.fail("ListAccountsForParent", 2, Fault::TOO_MANY);
    assert_eq!(story.aws.accounts_of(&below, now).await.unwrap().len(), 1);
    for (fault, kind, words) in [
        (Fault::NOT_ALLOWED, ErrorKind::Denied, "allow it organizations:ListAccountsForParent; it must run in"),
        (Fault::Html503, ErrorKind::Unavailable, "AWS failed at ListAccountsForParent (HTTP 503, no code)"),
        (Fault::DropAfter, ErrorKind::Unavailable, "failed or broke off"),
    ] {
        story.cloud.fail("ListAccountsForParent", 3, fault);
        let error = story.aws.accounts_of(&below, now).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
        story.cloud.heal();
    }
    let error = story.aws.accounts_of("ou-abcd-00000000", now).await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.message),
        (ErrorKind::NotFound, "there is no organisational unit ou-abcd-00000000 in the organization")
    );

    let mut access = story.access();
    access.work.target = story.target("ou-abcd-00000000");
    assert_eq!(story.aws.resolve(&access.work).await.unwrap_err().kind, ErrorKind::Refused);
}

#[tokio::test]
async fn an_inventory_costs_a_call_for_each_hundred_people() {
    let story = Story::start().await;
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    for number in 0..119 {
        story.cloud.assign(MEMBER, &story.set, &format!("u-{number}")).await;
    }
    let before = story.cloud.actions().len();
    let found = story.aws.inventory(&story.target(MEMBER)).await.unwrap();
    assert_eq!(found.len(), 120);
    let ours = Live { resource: access.work.key.resource.clone(), principal: story.user.clone() };
    assert!(found.contains(&ours));
    assert_eq!(story.cloud.actions()[before..], ["ListAccountAssignments", "ListAccountAssignments"]);
    assert!(story.aws.inventory(&story.target("777788889999")).await.unwrap().is_empty());
    assert_eq!(story.cloud.actions().len() - before, 3);
}
