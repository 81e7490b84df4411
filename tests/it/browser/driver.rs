//! Starts the playground, the browser and its driver, and sees to it that none outlives its story.

use std::{
    env,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use axum::http;
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A program that ends with its story.
pub struct Running {
    child: Child,
    /// What it printed first that was looked for.
    pub said: String,
    /// Kept open, so that it can go on printing.
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts it and waits until it prints a line with `sign` in it; the rest of that line is what it said.
    fn start(command: &mut Command, sign: &str) -> Self {
        Self::try_start(command, sign).unwrap_or_else(|ended| panic!("{ended}"))
    }

    /// What it printed instead, when it ended without the sign.
    fn try_start(command: &mut Command, sign: &str) -> Result<Self, String> {
        let name = command.get_program().display().to_string();
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| missing(&name, &error.to_string()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Self { child, said: String::new(), lines };
        let mut told = Vec::new();
        while let Some(Ok(line)) = running.lines.next() {
            if let Some((_, said)) = line.split_once(sign) {
                said.clone_into(&mut running.said);
                return Ok(running);
            }
            told.push(line);
        }
        Err(format!("{name} ended without `{sign}`: {told:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn missing(what: &str, why: &str) -> ! {
    panic!(
        "{what} is needed for the stories in a browser, and cannot be used: {why}\n\
         Run scripts/test, which installs it, or say where it is: JIT_CHROMIUM, JIT_CHROMEDRIVER, JIT_AXE"
    )
}

/// The playground, with these arguments. Its address is what it said.
pub fn playground(folder: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
    command.arg("playground").args(arguments).env("TMPDIR", folder);
    Running::start(&mut command, "The playground is at ")
}

/// axe-core, to be run in the page.
pub fn axe() -> String {
    let path = env::var("JIT_AXE").unwrap_or_else(|_| missing("axe-core", "JIT_AXE does not say where it is"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| missing("axe-core", &format!("{path}: {error}")))
}

/// A browser with nothing in it.
pub struct Browser {
    pub client: Client,
    _driver: Running,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        let [browser, driver] = [("JIT_CHROMIUM", "chromium"), ("JIT_CHROMEDRIVER", "chromedriver")]
            .map(|(name, usual)| env::var(name).unwrap_or_else(|_| usual.to_owned()));
        let browser = found(&browser);
        let profile = tempfile::tempdir().unwrap();
        let driver = listening(&driver);
        let port = driver.said.trim_end_matches('.');
        let data = format!("--user-data-dir={}", profile.path().display());
        let options = json!({ "binary": browser, "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
            "--window-size=1360,900", data,
        ]});
        let wishes = json!({ "goog:chromeOptions": options });
        let wishes = wishes.as_object().cloned().unwrap();
        let mut builder = ClientBuilder::rustls().expect("the machine has root certificates");
        let client = builder.capabilities(wishes).connect(&format!("http://127.0.0.1:{port}")).await;
        let client = client.unwrap_or_else(|error| missing("chromium", &error.to_string()));
        Self { client, _driver: driver, _profile: profile }
    }

    /// Talks to the browser's own tools, for what no page can do: play a telephone, or the dark.
    pub async fn tools(&self, command: &str, parameters: Value) {
        let command = Tools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap();
    }
}

/// The driver, on a port of its own. It lets the system choose one for IPv6 and then wants the same for IPv4, where another
/// story may have it: then it ends, and another is started.
fn listening(driver: &str) -> Running {
    let start = || Running::try_start(Command::new(driver).arg("--port=0"), "was started successfully on port ");
    let mut tries = std::iter::repeat_with(start).take(20);
    let last = tries.find(Result::is_ok);
    last.unwrap_or_else(start).unwrap_or_else(|ended| panic!("{ended}"))
}

/// The full path of a program: chromedriver wants no other.
fn found(program: &str) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let places = env::var_os("PATH").unwrap_or_default();
    let path = env::split_paths(&places).map(|folder| folder.join(program)).find(|path| path.is_file());
    path.map_or_else(|| missing(program, "it is not on the PATH"), |path| path.display().to_string())
}

#[derive(Debug)]
struct Tools(Value);

impl WebDriverCompatibleCommand for Tools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
