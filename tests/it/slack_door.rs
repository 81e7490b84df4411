//! The door that Slack knocks at: who is let in, how far, and what the others are told.

use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::World;

const PATHS: [&str; 3] = ["/slack/events", "/slack/command", "/slack/interaction"];
const FORM: &str = "application/x-www-form-urlencoded";
const UNREADABLE: &str = "I could not read what Slack sent me. Nothing has changed.";

/// A request as somebody may send it: everything about it can be wrong.
#[derive(Clone)]
struct Knock {
    method: &'static str,
    path: String,
    content_type: &'static str,
    timestamp: Option<String>,
    signature: Option<String>,
    body: Vec<u8>,
    is_chunked: bool,
}

impl Knock {
    /// Signed as Slack signs, `offset` seconds from now.
    fn signed_at(world: &World, offset: i64, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let timestamp = (world.now() + SignedDuration::from_secs(offset)).as_second().to_string();
        let body = body.into();
        let secret = world.slack.app().signing_secret;
        let signature = Some(signature(&secret, &timestamp, &body));
        let (method, path) = ("POST", "/slack/events".to_owned());
        Self { method, path, content_type, timestamp: Some(timestamp), signature, body, is_chunked: false }
    }

    fn signed(world: &World, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::signed_at(world, 0, content_type, body)
    }

    /// Sends it; the status and the body of the answer.
    async fn at(self, world: &World) -> (u16, String) {
        let url: url::Url = world.url(&self.path).parse().unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: {}\r\n",
            self.method, self.path, self.content_type
        );
        for (name, value) in [("x-slack-request-timestamp", self.timestamp), ("x-slack-signature", self.signature)] {
            if let Some(value) = value {
                head = format!("{head}{name}: {value}\r\n");
            }
        }
        let length = self.body.len();
        let (head, body) = if self.is_chunked {
            let chunk = [format!("{length:x}\r\n").as_bytes(), &self.body, b"\r\n0\r\n\r\n"].concat();
            (format!("{head}transfer-encoding: chunked\r\n\r\n"), chunk)
        } else {
            (format!("{head}content-length: {length}\r\n\r\n"), self.body)
        };
        let mut wire = TcpStream::connect(host).await.unwrap();
        wire.write_all(head.as_bytes()).await.unwrap();
        // The bot may close before it has read all: that is what is being tried.
        let _ = wire.write_all(&body).await;
        let mut answer = Vec::new();
        let _ = wire.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.split(' ').nth(1).unwrap_or("0").parse().unwrap(), body.to_owned())
    }
}

fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

/// The words of a private answer.
fn words(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("no words: {answer}"));
    assert_eq!(answer["response_type"], "ephemeral");
    answer["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_is_not_slack_is_told_nothing_and_read_no_further() {
    let world = World::start().await;
    let good = || Knock::signed(&world, FORM, "team_id=T0ACME&command=%2Fjit&user_id=U0REQUESTER&text=request+sandbox");
    let forged = signature("another secret", good().timestamp.as_ref().unwrap(), &good().body);
    let of_another_body = signature(&world.slack.app().signing_secret, good().timestamp.as_ref().unwrap(), b"text=");
    let cut_short = good().signature.map(|signature| signature[..60].to_owned());
    let strangers = [
        ("no headers", Knock { timestamp: None, signature: None, ..good() }),
        ("no timestamp", Knock { timestamp: None, ..good() }),
        ("no signature", Knock { signature: None, ..good() }),
        ("an empty signature", Knock { signature: Some(String::new()), ..good() }),
        ("a garbled signature", Knock { signature: Some("v0=zz".to_owned()), ..good() }),
        ("a signature cut short", Knock { signature: cut_short, ..good() }),
        ("another version", Knock { signature: good().signature.map(|it| it.replace("v0=", "v1=")), ..good() }),
        ("another secret", Knock { signature: Some(forged), ..good() }),
        ("another body", Knock { signature: Some(of_another_body), ..good() }),
        ("a garbled timestamp", Knock { timestamp: Some("soon".to_owned()), ..good() }),
        ("a huge timestamp", Knock { timestamp: Some(i64::MAX.to_string()), ..good() }),
        ("a huge negative timestamp", Knock { timestamp: Some(i64::MIN.to_string()), ..good() }),
        ("nothing that can be parsed", Knock { signature: None, body: b"\xff{".to_vec(), ..good() }),
    ];
    for (what, knock) in strangers {
        for path in PATHS {
            let answer = Knock { path: path.to_owned(), ..knock.clone() }.at(&world).await;
            assert_eq!(answer, (401, String::new()), "{what} at {path}");
        }
    }
    assert_eq!(world.trail().await.len(), 1, "only the policy");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_request_is_good_for_five_minutes_in_either_direction() {
    let world = World::start().await;
    for (offset, status) in [(-300, 200), (300, 200), (0, 200), (-301, 401), (301, 401), (-86_400, 401)] {
        let answer = Knock::signed_at(&world, offset, FORM, "ssl_check=1").at(&world).await;
        assert_eq!(answer, (status, String::new()), "{offset}");
    }
    world.finish().await;
}

#[tokio::test]
async fn more_than_64_kib_is_not_read() {
    let world = World::start().await;
    let filled = |length: usize| format!("ssl_check=1&x={}", "x".repeat(length - 14));
    for is_chunked in [false, true] {
        for (length, status) in [(65_536, 200), (65_537, 413), (5_000_000, 413)] {
            let knock = Knock { is_chunked, ..Knock::signed(&world, FORM, filled(length)) };
            assert_eq!(knock.at(&world).await.0, status, "{length}, chunked: {is_chunked}");
        }
        let unsigned = Knock { signature: None, is_chunked, ..Knock::signed(&world, FORM, filled(5_000_000)) };
        assert_eq!(unsigned.at(&world).await.0, 401, "who it is from comes first");
    }
    world.finish().await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let world = World::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        for path in PATHS {
            let knock = Knock { method, path: path.to_owned(), ..Knock::signed(&world, FORM, "ssl_check=1") };
            assert_eq!(knock.at(&world).await.0, 405, "{method} {path}");
        }
    }
    for path in ["/", "/slack", "/slack/", "/slack/events/", "/slack/options"] {
        let knock = Knock { path: path.to_owned(), ..Knock::signed(&world, FORM, "ssl_check=1") };
        assert_eq!(knock.at(&world).await.0, 404, "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn every_path_takes_everything() {
    let world = World::start().await;
    let challenge =
        r#"{"type":"url_verification","token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;
    let help = "team_id=T0ACME&command=%2Faccess&user_id=U0REQUESTER&text=help&trigger_id=1.2";
    for path in PATHS {
        let at = |knock: Knock| Knock { path: path.to_owned(), ..knock };
        assert_eq!(at(Knock::signed(&world, FORM, "ssl_check=1&token=x")).at(&world).await, (200, String::new()));
        let (status, echo) = at(Knock::signed(&world, "application/json", challenge)).at(&world).await;
        let echo: serde_json::Value = serde_json::from_str(&echo).unwrap();
        assert_eq!((status, &echo["challenge"]), (200, &"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P".into()));
        let (status, answer) = at(Knock::signed(&world, FORM, help)).at(&world).await;
        assert!(status == 200 && words(&answer).contains("`/access request ROLE"), "it goes by the name it was given");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_in_words() {
    let world = World::start().await;
    let twice = "team_id=T0ACME&command=%2Fjit&user_id=U0REQUESTER&user_id=U0APPROVER&text=status";
    let bodies: [(&str, &[u8]); 14] = [
        (FORM, b""),
        (FORM, b"hello"),
        (FORM, b"payload="),
        (FORM, b"payload=%7Bnot+json"),
        (FORM, b"payload=%5B%5D"),
        (FORM, b"payload=%7B%22type%22%3A5%7D"),
        (FORM, b"payload=%7B%22type%22%3A%22block_actions%22%7D"),
        (FORM, b"team_id=T0ACME&command=%2Fjit"),
        (FORM, b"team_id=T0ACME&user_id=U0REQUESTER"),
        (FORM, twice.as_bytes()),
        (FORM, b"\xff\xfe\x00"),
        ("application/json", b"{"),
        ("application/json", b"[1,2]"),
        ("text/plain", b"{\"no\":\"type\"}"),
    ];
    for (content_type, body) in bodies {
        let (status, answer) = Knock::signed(&world, content_type, body).at(&world).await;
        assert_eq!((status, words(&answer).as_str()), (200, UNREADABLE), "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(world.trail().await.len(), 1, "only the policy");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_calls_for_no_answer_gets_none() {
    let world = World::start().await;
    let events = [
        r#"{"type":"event_callback","team_id":"T0ACME","event_id":"Ev1","event":{"type":"app_home_opened","user":"U0LEAD"}}"#,
        r#"{"type":"event_callback","team_id":"T0ACME","event_id":"Ev1","event":{"type":"tokens_revoked","tokens":{}}}"#,
        r#"{"type":"event_callback","team_id":"T0EVIL","event":{"type":"subteam_members_changed","subteam_id":"S0ONCALL"}}"#,
        r#"{"type":"event_callback","event":{"type":"from_the_future","subteam":{"id":"S1"}}}"#,
        r#"{"type":"app_rate_limited","team_id":"T0ACME","minute_rate_limited":1518467820}"#,
        r#"{"type":"something_new"}"#,
    ];
    for event in events {
        assert_eq!(Knock::signed(&world, "application/json", event).at(&world).await, (200, String::new()), "{event}");
    }
    for kind in ["view_submission", "view_closed", "shortcut", "message_action", "block_suggestion", "from_the_future"]
    {
        let payload = serde_json::json!({
            "type": kind, "team": { "id": "T0ACME" }, "user": { "id": "U0LEAD" }, "trigger_id": "1.2",
            "callback_id": "x", "view": { "id": "V1" },
        });
        let body =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        assert_eq!(Knock::signed(&world, FORM, body).at(&world).await, (200, String::new()), "{kind}");
    }
    world.finish().await;
}
