//! A store in which so many grants live that end in the same second, made by the verbs that make them in the bot. Only
//! what the cloud and Slack would have answered meanwhile is put there by hand.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::SystemEntropy,
    config::Config,
    domain::{
        access::AccessState,
        catalog::Target,
        ids::{ChannelId, UserId},
        job::Job,
        policy::Ask,
        principal::Principal,
        request::ResolvedTargets,
    },
    store::{CardKind, Store, StoreError, Tx},
    usecase::{
        Env,
        approve::{self, Approval},
        request, settle,
    },
};

use super::cloud::{Assignment, DIRECTORY, INSTANCE};

/// For how long each grant was given.
const LASTS: Duration = Duration::from_mins(30);
/// How many grants are made in one transaction.
const BATCH: usize = 100;

/// Fills the store; answers what the cloud has to have then.
pub async fn seed(config: &Config, store: &Path, count: usize, due: Timestamp) -> BTreeSet<Assignment> {
    let store = Store::open(&format!("sqlite:{}", store.display())).await.expect("a new file");
    let now = due - SignedDuration::try_from(LASTS).expect("half an hour");
    let env = Env { catalog: config.catalog.clone(), now, entropy: Arc::new(SystemEntropy) };
    let mut assigned = BTreeSet::new();
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(BATCH) {
        let (batch, env) = (batch.to_vec(), env.clone());
        let made = store.write(move |tx| grants(tx, env, batch).boxed()).await.expect("room on the disk");
        assigned.extend(made);
    }
    let audit = config.slack.audit_channel.clone();
    store.write(move |tx| told(tx, audit, now).boxed()).await.expect("room on the disk");
    store.close().await;
    assigned
}

async fn grants(tx: &mut Tx, env: Env, numbers: Vec<usize>) -> Result<Vec<Assignment>, StoreError> {
    let roles: Vec<_> = env.catalog.roles.values().cloned().collect();
    let mut made = Vec::new();
    for number in numbers {
        let role = &roles[number % roles.len()];
        let requester = Principal::Person(UserId(format!("U0{number:06}")));
        let (duration, reason) = (Some(LASTS), "fixing OPS-42".to_owned());
        let ask = Ask { requester, role: role.name.clone(), duration, reason, plan: None, origin: None };
        let asked = request::request(tx, &env, ask).await?.expect("the role is open to everybody");
        let targets =
            ResolvedTargets { configured: role.targets.clone(), resolved: role.targets.clone(), receipts: Vec::new() };
        request::resolved(tx, &env, asked.id, targets).await?;
        let approval = approve::approve(tx, &env, &"U0APPROVER".into(), asked.id).await?;
        let Approval::Granted(_, grant) = approval else { panic!("one approval is enough: {approval:?}") };
        for mut access in tx.accesses_of(grant.id).await? {
            let Target::AwsIdentityCenter(target) = &access.target else { panic!("no other target is configured") };
            let user = format!("u-{number:06}");
            made.push((target.account.clone(), target.permission_set_arn.clone(), user.clone()));
            let receipt = [
                ("user_id", user),
                ("instance_arn", INSTANCE.to_owned()),
                ("identity_store_id", DIRECTORY.to_owned()),
                ("session_duration", "3600".to_owned()),
                ("ours", "yes".to_owned()),
                ("intended_at", env.now.to_string()),
                ("create_request_id", format!("c-{number}")),
            ];
            access.receipt = receipt.map(|(key, value)| (key.to_owned(), value)).into();
            access.state = AccessState::Live;
            tx.save_access(&access, AccessState::Wanted).await?;
            tx.drop_job(&Job::ReconcileAccess(access.key.clone())).await?;
            tx.drop_job(&Job::ResolveRequest(asked.id, access.key.provider)).await?;
        }
        settle::settle(tx, &env, grant.id).await?;
        for kind in [CardKind::Request, CardKind::Holder] {
            let card = tx.lookup_card(kind, asked.id).await?.expect("both are posted by now");
            tx.card_posted(card.id, &card.address, &format!("{number}.000001"), "").await?;
            tx.drop_job(&Job::ProjectCard(card.id, card.address)).await?;
        }
    }
    Ok(made)
}

/// The auditors have read all of it.
async fn told(tx: &mut Tx, audit: ChannelId, now: Timestamp) -> Result<(), StoreError> {
    tx.follow_trail(&audit, now).await?;
    let head = tx.audit_head().await?;
    tx.feed_posted(&audit, head.seq).await
}
