//! The real program: `jit serve` in a process of its own, by the machine's clock, against the models.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use jit::{
    ambient::SystemClock,
    playground::workspace::{Person, Server, Workspace},
};
use tempfile::TempDir;

use super::{
    aws::{self, Cloud},
    browser, world,
};

/// A workspace, an AWS, and the program between them.
pub struct Process {
    pub slack: Workspace,
    pub cloud: Cloud,
    pub dir: TempDir,
    listen: SocketAddr,
    environment: BTreeMap<String, String>,
    child: Option<Child>,
    _slack_server: Server,
}

impl Process {
    /// Everything but the program itself, which `start` starts. Grants may last a second here.
    pub async fn prepare(edit: impl FnOnce(String) -> String) -> Self {
        let cloud = Cloud::start(Arc::new(SystemClock)).await;
        let role = cloud.role("prod-deploy").await;
        let slack = world::workspace(Arc::new(SystemClock));
        let server = slack.start().await.unwrap();
        let dir = TempDir::new().unwrap();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = world::configuration(listen, &dir.path().join("jit.db"), &server, &cloud, &role);
        let text = text.replace("max_duration = \"2h\"", "max_duration = \"2h\"\nmin_duration = \"1s\"");
        std::fs::write(dir.path().join("jit.toml"), edit(text)).unwrap();
        slack.connect_bot(format!("http://{listen}/slack/events"));
        let mut environment = world::environment(&slack);
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), aws::ACCESS_KEY_ID.to_owned());
        environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), aws::SECRET_ACCESS_KEY.to_owned());
        Self { slack, cloud, dir, listen, environment, child: None, _slack_server: server }
    }

    /// What the program is to find in its environment.
    pub fn sets(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// The usual configuration, and the program up.
    pub async fn start() -> Self {
        let mut process = Self::prepare(|config| config).await;
        process.up().await;
        process
    }

    /// Starts the program and waits until it answers.
    pub async fn up(&mut self) {
        let command = self.jit(&["serve"]);
        self.up_as(command).await;
    }

    /// The same, in a shell that has set limits before.
    pub async fn up_under(&mut self, limits: &str) {
        let serve = self.jit(&["serve"]);
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]).arg(serve.get_program()).args(serve.get_args());
        command.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.up_as(command).await;
    }

    async fn up_as(&mut self, mut command: Command) {
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        for _ in 0..1_000 {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}:\n{}", self.log());
            if reqwest::get(self.url("/healthz")).await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not answer:\n{}", self.log());
    }

    /// The program with these arguments and this configuration.
    pub fn jit(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
        command.args(arguments).arg("--config").arg(self.config_file());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(&self.environment);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.jit(arguments).output().unwrap()
    }

    /// Sends the running program a signal.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap()
    }

    /// What it has logged in all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("jit.log")
    }

    /// Tampers with the store behind the bot's back.
    pub async fn sql(&self, statement: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store_file());
        let mut store = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query(statement).execute(&mut store).await.unwrap();
    }

    pub fn config_file(&self) -> PathBuf {
        self.dir.path().join("jit.toml")
    }

    pub fn store_file(&self) -> PathBuf {
        self.dir.path().join("jit.db")
    }

    pub fn edit_config(&self, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        std::fs::write(self.config_file(), edit(text)).unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    pub fn person(&self, name: &str) -> Person {
        self.slack.person(name)
    }

    /// Waits until a channel, or what somebody was told, shows these words.
    pub async fn shows(&self, channel: &str, words: &str) -> String {
        until(|| self.slack.channel(channel).screen().contains(words), || self.slack.channel(channel).screen()).await;
        self.slack.channel(channel).screen()
    }

    /// Waits until the bot has written these words to somebody.
    pub async fn tells(&self, person: &Person, words: &str) {
        until(|| person.dm().screen().contains(words), || person.dm().screen()).await;
    }

    /// Claims the credentials of the holder's newest grant.
    pub async fn claims(&self, holder: &Person) -> (String, browser::Page) {
        let _ = holder.private();
        holder.clicks("Get credentials").await;
        let mut told = String::new();
        for _ in 0..500 {
            told.push_str(&holder.private());
            if told.contains("Open the page") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let link = holder.link("Open the page");
        let page = browser::clicks_on_page(&link).await;
        assert_eq!(page.status, 200, "{}", page.text());
        (link, page)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for what happens by itself; a story that waits in vain is stopped, with what it saw.
pub async fn until(mut happened: impl FnMut() -> bool, seen: impl Fn() -> String) {
    for _ in 0..2_250 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen within 45 seconds:\n{}", seen());
}
