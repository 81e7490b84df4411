//! Claim the credentials of a live grant: first a private link, then, by a click on its page, the credentials.
//!
//! Two steps in the store surround the minting, which happens outside of it: before, it is noted until when a session
//! may run, so that it can be cut off whatever happens next; after, the trail says who got what, and only then does
//! anybody see the credentials.

use jiff::{SignedDuration, Timestamp};

use super::Env;
use crate::{
    domain::{
        access::{Access, AccessState, LONGEST_SESSION},
        audit::{Actor, Attempt, AttemptRefusal, Fact, Purpose, Subject},
        catalog::Nature,
        grant::Grant,
        ids::GrantId,
        people::Person,
        principal::Principal,
    },
    store::{ClaimLink, StoreError, Tx},
};

/// How long a link to the page with credentials can be used.
pub const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(2);
/// How long the button on that page, which opens the console, can be used.
pub const CONSOLE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How long the cloud may take to mint: a session's own clock starts at the end of it.
const MINTING: SignedDuration = SignedDuration::from_mins(1);

/// A link that was made: the token is a secret and stands nowhere else.
#[derive(Debug)]
pub struct Link {
    /// Goes into the link.
    pub token: Token,
    /// What it opens.
    pub resource: String,
}

/// 256 random bits in hex; `Debug` does not show them.
pub struct Token(String);

impl Token {
    /// A fresh one, behind letters that say what it is for.
    pub(super) fn fresh(prefix: &str, env: &Env) -> Self {
        let mut random = [0; 32];
        env.entropy.fill(&mut random);
        Self(format!("{prefix}{}", hex::encode(random)))
    }

    /// The token itself, for the link and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why nothing can be claimed.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is no such grant or link.
    Unknown,
    /// The grant is somebody else's.
    NotTheirs(Grant),
    /// The cloud has not confirmed the access yet.
    NotYet(Grant),
    /// The grant is over.
    Over(Grant),
    /// The access is simply there; there is nothing to claim.
    NothingToClaim(Grant),
    /// The link was used already, or is too old.
    LinkSpent,
    /// The grant is for a plan, and what is to be run is not that plan.
    PlanMismatch(Grant),
    /// Credentials are claimed for several things, and it was not said for which.
    Several(Vec<String>),
}

/// Makes a link for each thing of the grant that credentials are claimed for.
///
/// # Errors
/// When the store fails.
pub async fn link(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    id: GrantId,
) -> Result<Result<Vec<Link>, Refused>, StoreError> {
    let (grant, sessions) = match claimable(tx, env, by, id).await? {
        Ok(claimable) => claimable,
        Err(refused) => return Ok(Err(refused)),
    };
    let actor = Actor::from(by);
    if tx.load_request(grant.request).await?.plan.is_some() {
        // Whoever clicks runs something by hand, and nobody can tell what.
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::PlanMismatch).await?;
        return Ok(Err(Refused::PlanMismatch(grant)));
    }
    let mut links = Vec::new();
    for access in sessions {
        let token = make(tx, env, &access, &grant.holder, Purpose::Shell, LINK_LIFETIME).await?;
        links.push(Link { token, resource: access.key.resource.clone() });
    }
    Ok(Ok(links))
}

/// The grant and everything of it that credentials are claimed for, if they can be claimed now by `by`.
async fn claimable(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    id: GrantId,
) -> Result<Result<(Grant, Vec<Access>), Refused>, StoreError> {
    let Some(grant) = tx.lookup_grant(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let actor = Actor::from(by);
    if grant.holder != *by {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::NotTheirs).await?;
        return Ok(Err(Refused::NotTheirs(grant)));
    }
    if !grant.covers(env.now) {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::TooLate).await?;
        return Ok(Err(Refused::Over(grant)));
    }
    let accesses = tx.accesses_of(id).await?;
    let sessions: Vec<Access> = accesses.into_iter().filter(|it| it.target.nature() == Nature::Session).collect();
    let live = sessions.iter().all(|access| access.state == AccessState::Live);
    if sessions.is_empty() || !live {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::NothingToClaim).await?;
        return Ok(Err(if live { Refused::NothingToClaim(grant) } else { Refused::NotYet(grant) }));
    }
    Ok(Ok((grant, sessions)))
}

/// What a program says that claims credentials.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Which of the things that credentials are claimed for; not needed where there is one.
    pub resource: Option<String>,
    /// The digest of the plan that is about to be run.
    pub plan: Option<String>,
    /// For a browser and not for the program itself.
    pub console: bool,
}

/// Begins a claim without a link, for a program that has a session of the holder's.
///
/// # Errors
/// When the store fails.
pub async fn begin_by_api(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    id: GrantId,
    wish: Wish,
) -> Result<Result<Claim, Refused>, StoreError> {
    let (grant, sessions) = match claimable(tx, env, by, id).await? {
        Ok(claimable) => claimable,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(plan) = tx.load_request(grant.request).await?.plan
        && (wish.console || !wish.plan.as_deref().is_some_and(|sha256| plan.is(sha256)))
    {
        record_refusal(tx, env, &Actor::from(by), &grant, AttemptRefusal::PlanMismatch).await?;
        return Ok(Err(Refused::PlanMismatch(grant)));
    }
    let resources: Vec<String> = sessions.iter().map(|access| access.key.resource.clone()).collect();
    let chosen = match &wish.resource {
        Some(resource) => sessions.into_iter().find(|access| access.key.resource == *resource),
        None if sessions.len() == 1 => sessions.into_iter().next(),
        None => None,
    };
    let Some(access) = chosen else {
        return Ok(Err(Refused::Several(resources)));
    };
    let purpose = if wish.console { Purpose::Console } else { Purpose::Program };
    open(tx, env, grant, access, purpose).await.map(Ok)
}

async fn make(
    tx: &mut Tx,
    env: &Env,
    access: &Access,
    holder: &Principal,
    purpose: Purpose,
    lifetime: SignedDuration,
) -> Result<Token, StoreError> {
    let token = Token::fresh("", env);
    let expires_at = env.now + lifetime;
    let link = ClaimLink { access: access.id, holder: holder.clone(), purpose, expires_at, used_at: None };
    tx.insert_claim_link(token.expose(), &link).await?;
    Ok(token)
}

/// A claim that has begun: the link is spent, and it is noted until when the session may run.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose it is.
    pub grant: Grant,
    /// What is claimed.
    pub access: Access,
    /// What is known about the holder.
    pub person: Option<Person>,
    /// In what form it is handed over.
    pub purpose: Purpose,
    /// When the credentials must stop working.
    pub until: Timestamp,
}

/// Spends the link and begins the claim.
///
/// # Errors
/// When the store fails.
pub async fn begin(
    tx: &mut Tx,
    env: &Env,
    token: &str,
    purpose: Purpose,
) -> Result<Result<Claim, Refused>, StoreError> {
    let Some(link) = tx.lookup_claim_link(token).await?.filter(|link| link.purpose == purpose) else {
        return Ok(Err(Refused::Unknown));
    };
    let access = tx.load_access(link.access).await?;
    let grant = tx.load_grant(access.grant).await?;
    let actor = Actor::from(&link.holder);
    if !tx.spend_claim_link(token, env.now).await? {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::LinkSpent).await?;
        return Ok(Err(Refused::LinkSpent));
    }
    if !grant.covers(env.now) || access.state != AccessState::Live {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::TooLate).await?;
        return Ok(Err(Refused::Over(grant)));
    }
    open(tx, env, grant, access, purpose).await.map(Ok)
}

/// Writes down until when a session may run, before it is minted.
async fn open(tx: &mut Tx, env: &Env, grant: Grant, access: Access, purpose: Purpose) -> Result<Claim, StoreError> {
    tx.extend_sessions(access.id, env.now + LONGEST_SESSION + MINTING).await?;
    let person = match grant.holder.person() {
        Some(person) => tx.lookup_person(person).await?,
        None => None,
    };
    let until = grant.ends_at;
    Ok(Claim { grant, access, person, purpose, until })
}

/// Puts the minted credentials on the trail and makes the link for the console: for the page.
///
/// # Errors
/// When the store fails.
pub async fn finish(
    tx: &mut Tx,
    env: &Env,
    claim: &Claim,
    access_key_id: String,
) -> Result<Result<Token, Refused>, StoreError> {
    match hand_over(tx, env, claim, access_key_id).await? {
        Ok(grant) => make(tx, env, &claim.access, &grant.holder, Purpose::Console, CONSOLE_LIFETIME).await.map(Ok),
        Err(refused) => Ok(Err(refused)),
    }
}

/// Puts the minted credentials on the trail. Whoever shows the credentials must have had `Ok(Ok(_))` from here. A grant
/// that ended while the cloud was minting gets nothing.
///
/// # Errors
/// When the store fails.
pub async fn hand_over(
    tx: &mut Tx,
    env: &Env,
    claim: &Claim,
    access_key_id: String,
) -> Result<Result<Grant, Refused>, StoreError> {
    let actor = Actor::from(&claim.grant.holder);
    let grant = tx.load_grant(claim.grant.id).await?;
    if !grant.covers(env.now) {
        record_refusal(tx, env, &actor, &grant, AttemptRefusal::TooLate).await?;
        return Ok(Err(Refused::Over(grant)));
    }
    let fact = Fact::CredentialsClaimed {
        about: Subject::from(&grant),
        resource: claim.access.key.resource.clone(),
        access_key_id,
        purpose: claim.purpose,
        until: claim.until,
    };
    tx.record(env.now, &actor, &fact).await?;
    Ok(Ok(grant))
}

/// Puts on the trail that the cloud did not mint the credentials.
///
/// # Errors
/// When the store fails.
pub async fn fail(tx: &mut Tx, env: &Env, claim: &Claim, why: String) -> Result<(), StoreError> {
    let actor = Actor::from(&claim.grant.holder);
    record_refusal(tx, env, &actor, &claim.grant, AttemptRefusal::Cloud { why }).await
}

async fn record_refusal(
    tx: &mut Tx,
    env: &Env,
    actor: &Actor,
    grant: &Grant,
    refusal: AttemptRefusal,
) -> Result<(), StoreError> {
    let fact = Fact::AttemptRefused { about: Subject::from(grant), attempt: Attempt::Claim, refusal };
    tx.record(env.now, actor, &fact).await
}
