//! Slash commands as Slack sends them, signed and written out as whole HTTP requests before the clock starts.

use jit::{
    ambient::{Clock, SystemClock},
    playground::workspace::sign,
};
use url::form_urlencoded::Serializer;

/// How many roles the commands ask for, each with a channel of its own: so many cards can be on their way at once.
pub const ROLES: usize = 16;

/// A request for each of `count` people, ready to be written to a connection to `host`. `run` keeps them apart from
/// those of other runs.
pub fn commands(count: usize, run: usize, secret: &str, host: &str) -> Vec<Vec<u8>> {
    let timestamp = SystemClock.now().as_second().to_string();
    (0..count).map(|number| request(&form(number, run), &timestamp, secret, host)).collect()
}

fn form(number: usize, run: usize) -> String {
    let user = format!("U0LOAD{run:02}{number:06}");
    let text = format!("request role-{:02} 30m rolling out the fix for OPS-{number}", number % ROLES);
    Serializer::new(String::new())
        .append_pair("token", "deprecated-verification-token")
        .append_pair("team_id", "T0ACME")
        .append_pair("team_domain", "acme")
        .append_pair("channel_id", "C0GENERAL")
        .append_pair("channel_name", "general")
        .append_pair("user_id", &user)
        .append_pair("user_name", "somebody")
        .append_pair("command", "/jit")
        .append_pair("text", &text)
        .append_pair("api_app_id", "A0JIT")
        .append_pair("is_enterprise_install", "false")
        .append_pair("response_url", &format!("https://hooks.slack.com/commands/T0ACME/{run}/{number}"))
        .append_pair("trigger_id", &format!("{run}.{number}.5e2c9a7f10b34d68"))
        .finish()
}

fn request(body: &str, timestamp: &str, secret: &str, host: &str) -> Vec<u8> {
    let signature = sign(secret, timestamp, body);
    format!(
        "POST /slack/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nX-Slack-Request-Timestamp: {timestamp}\r\nX-Slack-Signature: {signature}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
