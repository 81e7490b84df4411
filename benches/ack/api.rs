//! The API: how many calls a second it answers, and what ten thousand pipelines cost that wait for an approval.
//!
//! The requests they wait for, and the sessions they wait with, are put into the store by hand; the waiting is over the
//! wire, a connection each. They must all be woken by one write each, and nobody else.

use std::{
    num::NonZeroU8,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, SystemClock, SystemEntropy},
    domain::{
        ids::{Code, RequestId, SessionId, UserId},
        people::Circle,
        policy::Verdict,
        principal::Principal,
        request::{Request, RequestState},
        session::Session,
    },
    playground::workspace::{Channel, Workspace},
    store::{Store, StoreError, Tx},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    bot::{Bot, Cloud, Role, memory},
    load::{self, Load},
};

/// How many are put into the store in one transaction.
const BATCH: usize = 500;
/// The role that is asked for.
const ROLE: &str = "role-00";

/// What came of it.
pub struct Api {
    /// Calls that read one request.
    pub reads: Load,
    /// Calls that make one, each on disk before it is answered.
    pub asks: Load,
    /// How many waited.
    pub waiting: usize,
    /// Resident kilobytes before anybody waited.
    pub idle: Option<u64>,
    /// Resident kilobytes while all of them did.
    pub peak: Option<u64>,
    /// How long it took to wake a tenth of them, one write each.
    pub woken: Vec<Duration>,
}

/// Measures with so many who wait.
pub async fn run(waiting: usize, time: Duration) -> Api {
    let workspace = Workspace::new(Arc::new(SystemClock));
    let slack = workspace.start().await.expect("a free port");
    for name in ["requests", "audit", "cards"] {
        workspace.add_channel(Channel::public(name));
    }
    _ = workspace.person("approver");
    let role = Role::sts(ROLE, "arn:aws:iam::123456789012:role/role-00", "C0CARDS".to_owned());
    let cloud = Cloud { endpoint: "http://127.0.0.1:9", roles: vec![role], people: Vec::new() };
    let bot = Bot::start(&workspace, &slack, &cloud).await;
    let ids = seed(&bot.store(), waiting).await;
    let host = bot.address.to_string();

    let read = |number: usize| call("GET", &format!("/v1/requests/{}", ids[number]), number, &host, "");
    let reads = (0..usize::try_from(time.as_secs()).expect("few") * 20_000).map(|call| read(call % waiting)).collect();
    let reads = load::run(bot.address, reads, time, "\"awaiting\"").await;
    let ask = format!("{{\"role\":\"{ROLE}\",\"duration\":\"30m\",\"reason\":\"rolling out the fix\"}}");
    let asks = (0..waiting).map(|number| call("POST", "/v1/requests", number, &host, &ask)).collect();
    let asks = load::run(bot.address, asks, time, "\"awaiting\"").await;

    let idle = memory(bot.pid(), "VmRSS");
    let mut streams = Vec::with_capacity(waiting);
    for (number, id) in ids.iter().enumerate() {
        let mut stream = TcpStream::connect(bot.address).await.expect("the server listens");
        let path = format!("/v1/requests/{id}?wait=60");
        stream.write_all(&call("GET", &path, number, &host, "")).await.expect("the server reads");
        streams.push(stream);
    }
    // All of them have looked once by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let peak = memory(bot.pid(), "VmRSS");
    let mut woken = Vec::new();
    for number in (0..waiting).step_by(waiting.div_ceil(1_000)) {
        let withdraw = call("DELETE", &format!("/v1/requests/{}", ids[number]), number, &host, "");
        let began = Instant::now();
        let mut stream = TcpStream::connect(bot.address).await.expect("the server listens");
        stream.write_all(&withdraw).await.expect("the server reads");
        let mut answer = vec![0; 4096];
        let read = streams[number].read(&mut answer).await.expect("the server answers");
        woken.push(began.elapsed());
        let text = String::from_utf8_lossy(&answer[..read]);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("cancelled"), "somebody was not woken: {text}");
    }
    woken.sort_unstable();
    Api { reads, asks, waiting, idle, peak, woken }
}

fn token(number: usize) -> String {
    format!("jits_bench{number:06}")
}

fn call(method: &str, path: &str, number: usize, host: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        token(number),
        body.len()
    )
    .into_bytes()
}

async fn seed(store: &str, count: usize) -> Vec<RequestId> {
    let store = Store::open_beside(store).await.expect("the bot has made it");
    let now = SystemClock.now();
    let ids: Vec<RequestId> = (0..count).map(|_| RequestId::new(now, &SystemEntropy)).collect();
    for (batch, some) in ids.chunks(BATCH).enumerate() {
        let (first, some) = (batch * BATCH, some.to_vec());
        store.write(move |tx| keep(tx, first, some, now).boxed()).await.expect("room on the disk");
    }
    store.close().await;
    ids
}

async fn keep(tx: &mut Tx, first: usize, ids: Vec<RequestId>, now: Timestamp) -> Result<(), StoreError> {
    for (place, id) in ids.into_iter().enumerate() {
        let number = first + place;
        let principal = Principal::Person(UserId(format!("U0{number:06}")));
        let session = Session {
            id: SessionId::new(now, &SystemEntropy),
            principal: principal.clone(),
            machine: "bench".to_owned(),
            place: "127.0.0.1".to_owned(),
            created_at: now,
            expires_at: now + SignedDuration::from_hours(12),
            revoked_at: None,
            origin: None,
        };
        tx.insert_session(&token(number), &session).await?;
        let verdict = Verdict {
            rule: 1,
            up_to: None,
            destroys_nothing: false,
            quorum: NonZeroU8::MIN,
            approvers: Circle { users: ["U0APPROVER".into()].into(), ..Circle::default() },
            self_approval: false,
            duration: Duration::from_mins(30),
            approval_timeout: Duration::from_hours(1),
            policy: String::new(),
        };
        tx.insert_request(Request {
            id,
            code: Code::of(id.0, Code::SHORTEST),
            requester: principal,
            role: ROLE.into(),
            reason: "rolling out the fix".to_owned(),
            asked_at: now,
            decide_by: now + SignedDuration::from_hours(1),
            verdict,
            extends: None,
            plan: None,
            origin: None,
            targets: None,
            state: RequestState::Awaiting,
        })
        .await?;
    }
    Ok(())
}
