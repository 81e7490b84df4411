//! `jit playground --terminal`: the built program, nothing set up, the story on standard output.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

/// What happens, in this order.
const STORY: [&str; 43] = [
    "jit playground",
    "ann types       /jit list",
    "prod-deploy — Deploy to production",
    "ann types       /jit request prod-deploy 5s fixing OPS-42",
    "only ann sees",
    "#access-requests: a new message",
    "@ann asks for prod-deploy for 5s",
    "Why: fixing OPS-42",
    "[Approve] [Deny]",
    "bob clicks      [Approve]",
    "only bob sees",
    "#access-requests: the message changes",
    "is live until",
    "[Revoke]",
    "direct to ann: a new message",
    "prod-deploy is live until",
    "ann has prod-deploy",
    "#access-requests: the message changes",
    "its time is over",
    "direct to ann: the message changes",
    "nobody has anything",
    "#access-audit",
    "requested",
    "ended",
    "carol types     /jit request prod-deploy 20m",
    "carol clicks    [Approve]",
    "is your own request",
    "bob clicks      [Deny]",
    "Denied on ",
    "direct to carol: a new message",
    "#access-audit",
    "who tried to approve",
    "denied by @bob",
    "ann types       /jit request db-admin 10m",
    "Approved so far by @bob",
    "carol clicks    [Approve]",
    "ann has db-admin",
    "carol clicks    [Revoke]",
    "@carol revoked it",
    "nobody has anything",
    "#access-audit",
    "revoked by @carol",
    "The trail is sound",
];

fn playground(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
    command.args(["playground", "--terminal"]).env("TMPDIR", folder).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_story_is_told_to_its_end_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = playground(folder.path()).arg("--once").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{told}");
    assert!(output.status.success(), "{told}");
    let mut rest = told.as_str();
    for line in STORY {
        let (_, after) = rest.split_once(line).unwrap_or_else(|| panic!("no `{line}` in:\n{rest}"));
        rest = after;
    }
    let widest = told.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "a line has {widest:?} characters:\n{told}");
    assert!(!told.contains('\x1b') && !told.contains("*live*"), "marks for a terminal:\n{told}");
    assert!(is_empty(folder.path()), "something is left in the temporary directory");
}

#[test]
fn without_once_it_stays_up_until_it_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let command = &mut playground(folder.path());
    let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let bot = told.find_map(|line| address_of_the_bot(&line)).unwrap();
    assert!(told.any(|line| line.contains("stays up until Ctrl-C")));
    assert!(answers(&bot), "the bot answers at `{bot}`");
    assert!(!is_empty(folder.path()), "the store is in the temporary directory");
    let asked = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status();
    assert!(asked.unwrap().success());
    let status = running.0.wait().unwrap();
    let mut complaints = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints, "");
    assert!(status.success(), "{status}");
    assert!(is_empty(folder.path()), "something is left in the temporary directory");
}

/// Does not outlive a test that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It is over already, unless the test failed.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn address_of_the_bot(line: &str) -> Option<String> {
    let (_, address) = line.strip_prefix("  the bot ")?.split_once("http://")?;
    address.split(' ').next().map(str::to_owned)
}

fn answers(address: &str) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: jit\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

#[test]
fn its_policy_is_in_order_as_it_stands() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/config/playground.toml");
    let check = Command::new(env!("CARGO_BIN_EXE_jit")).args(["check", "--no-secrets", "--config", policy]).output();
    let check = check.unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
