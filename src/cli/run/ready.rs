//! Waits until access that was granted can be used. Some clouds take minutes until they know it everywhere.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

use super::{
    super::{
        failure::{Ending, Failure},
        voice::Voice,
    },
    access::Access,
};
use crate::{
    ambient::{SystemTimer, Timer},
    api::Grant,
    runner::{
        child::Signals,
        watch::{News, Watch},
    },
};

/// How often it is tried, and for how long.
const PACE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(10);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_mins(1);

/// Tries the command until it succeeds.
pub(super) async fn wait(
    check: &str,
    access: &Access,
    grant: &Grant,
    signals: &mut Signals,
    watch: &mut Watch,
    voice: &Voice,
) -> Result<(), Failure> {
    let mut attempts = std::pin::pin!(attempts(check, access));
    voice.waits(&format!("{} of {} is live; waiting until `{check}` succeeds", grant.name, grant.role));
    loop {
        tokio::select! {
            ready = &mut attempts => {
                voice.is_done();
                return ready;
            }
            caught = signals.next_end() => {
                voice.is_done();
                return Err(Failure::signal(caught.code(), "the command was not started"));
            }
            news = watch.next() => match news {
                News::Over(grant) => {
                    voice.is_done();
                    return Err(Failure::of_grant(&grant).unwrap_or_else(|| Failure::new(Ending::CutOff, "the grant is over")));
                }
                News::Silence(why) | News::Refused(why) => voice.says(&why),
                News::EndsAt(_) | News::Back => {}
            },
        }
    }
}

async fn attempts(check: &str, access: &Access) -> Result<(), Failure> {
    let timer = SystemTimer::default();
    loop {
        let said = match attempt(check, access).await {
            Ok(()) => return Ok(()),
            Err(said) => said,
        };
        if timer.elapsed() + PACE > LONGEST {
            let words = format!("the access cannot be used after ten minutes: `{check}` still fails: {said}");
            return Err(Failure::new(Ending::NotOpened, words));
        }
        timer.wait(PACE).await;
    }
}

/// The last line of what it said, when it failed.
async fn attempt(check: &str, access: &Access) -> Result<(), String> {
    let mut command = Command::new("sh");
    command.args(["-c", check]).stdin(Stdio::null()).kill_on_drop(true);
    for name in &access.removed {
        command.env_remove(name);
    }
    command.envs(access.added.clone());
    let output = match tokio::time::timeout(ATTEMPT, command.output()).await {
        Ok(output) => output.map_err(|error| error.to_string())?,
        Err(_) => return Err("it takes too long".to_owned()),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().rfind(|line| !line.trim().is_empty()).map_or_else(|| output.status.to_string(), str::to_owned))
}
