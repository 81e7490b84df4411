//! Somebody at a command line: the real program with a home of its own, against the server of a world.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::File,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use jit::playground::workspace::Person;
use tempfile::TempDir;

use super::World;

/// A command line.
pub struct Shell {
    pub home: TempDir,
    pub environment: BTreeMap<String, String>,
}

/// A program that was started from it.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// As shells see it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Shell {
    /// In a home of its own, with the world's AWS for whatever asks AWS.
    pub fn at(world: &World) -> Self {
        let home = TempDir::new().unwrap();
        let path = |name: &str| home.path().join(name).display().to_string();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", path("")),
            ("TMPDIR", path("tmp")),
            ("XDG_STATE_HOME", path("state")),
            ("JIT_TOKEN_STORE", "file".to_owned()),
            ("JIT_SERVER", world.url("")),
            ("JIT_PATIENCE", "2s".to_owned()),
            ("AWS_ENDPOINT_URL", world.cloud.endpoint_url().to_string()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_CLI_CONFIG_FILE", "/dev/null".to_owned()),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { home, environment }
    }

    /// Somebody signs in from here.
    pub async fn of(world: &mut World, person: &Person) -> Self {
        let shell = Self::at(world);
        let login = shell.start(["login"]);
        let code = world.login_code(&login).await;
        person.types(&format!("/jit login {code}")).await;
        person.clicks("Confirm").await;
        let ended = login.ends(world).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("You are signed in to"), "{ended:?}");
        let _ = (person.private(), person.dm().screen());
        shell
    }

    /// Starts the program.
    pub fn start<const N: usize>(&self, arguments: [&str; N]) -> Running {
        self.start_all(&arguments)
    }

    /// Starts `jit run` of `prod-deploy` with these options, on a script for sh.
    pub fn run(&self, options: &[&str], script: &str) -> Running {
        let reason = ["run", "--role", "prod-deploy", "--reason", "fixing OPS-42"];
        self.start_all(&[&reason, options, &["--", "sh", "-c", script]].concat())
    }

    /// Starts the program.
    pub fn start_all(&self, arguments: &[&str]) -> Running {
        self.spawn(Path::new(env!("CARGO_BIN_EXE_jit")), arguments)
    }

    /// Starts any program from here.
    pub fn spawn(&self, program: &Path, arguments: &[&str]) -> Running {
        let file = |name: &str| {
            tempfile::Builder::new().prefix(name).tempfile_in(&self.home).unwrap().into_temp_path().keep().unwrap()
        };
        let (out, err) = (file("out"), file("err"));
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(&self.environment).current_dir(&self.home);
        let write = |path: &Path| File::create(path).unwrap();
        command.stdin(Stdio::null()).stdout(write(&out)).stderr(write(&err));
        Running { child: command.spawn().unwrap(), out, err }
    }

    /// A file that a script of a story writes, or looks for.
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

impl Running {
    pub fn out(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap()
    }

    pub fn err(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        signal(name, &self.id().to_string());
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// How it ended, when it has.
    pub fn over(mut self) -> Ended {
        let status = self.child.try_wait().unwrap().expect("it has ended");
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        Ended { code, out: self.out(), err: self.err() }
    }

    /// Waits until it has ended, while the world does what is due.
    pub async fn ends(mut self, world: &mut World) -> Ended {
        for _ in 0..PATIENCE {
            if self.has_ended() {
                return self.over();
            }
            world.settle().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not end:\n{}{}", self.out(), self.err());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Steps of 20 ms: most of a minute.
const PATIENCE: usize = 2_250;

impl World {
    /// Does what is due until something has happened elsewhere.
    pub async fn until(&mut self, mut happened: impl FnMut() -> bool, seen: impl Fn() -> String) {
        for _ in 0..PATIENCE {
            if happened() {
                return;
            }
            self.settle().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not happen:\n{}", seen());
    }

    /// Waits until a program has said these words.
    pub async fn says(&mut self, running: &Running, words: &str) {
        let said = || format!("{}{}", running.out(), running.err());
        self.until(|| said().contains(words), said).await;
    }

    /// The code that `jit login` shows.
    pub async fn login_code(&mut self, login: &Running) -> String {
        self.says(login, "/jit login ").await;
        let err = login.err();
        let (_, after) = err.split_once("/jit login ").unwrap();
        after.split_whitespace().next().unwrap().to_owned()
    }

    /// Waits until a script has written this file.
    pub async fn written(&mut self, running: &Running, file: &Path) -> String {
        let read = || std::fs::read_to_string(file).unwrap_or_default();
        self.until(|| read().ends_with('\n'), || format!("{}{}", running.out(), running.err())).await;
        read().trim().to_owned()
    }

    /// Waits until there is a card to decide, and somebody decides.
    pub async fn decides(&mut self, running: &Running, person: &Person, button: &str) {
        let before = running.err();
        let channel = self.slack.channel("requests");
        let marker = format!("[{button}]");
        self.until(|| channel.screen().contains(&marker), || before.clone()).await;
        person.clicks(button).await;
        self.settle().await;
        let _ = person.private();
    }
}

/// Sends a process a signal.
pub fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), process]).status().unwrap().success());
}

/// The Python that moto runs in: it has AWS' SDK for Python.
pub fn python() -> PathBuf {
    let moto = std::env::var("JIT_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
    let found = if moto.contains('/') { Some(PathBuf::from(&moto)) } else { which(moto.as_ref()) };
    let beside = found.and_then(|moto| Some(moto.canonicalize().ok()?.parent()?.join("python")));
    beside.filter(|python| python.exists()).expect("moto is installed in a venv, whose Python has boto3")
}

/// Terraform: `JIT_TERRAFORM`, or what is on the `PATH`. `none` in place of it leaves its stories out.
pub fn terraform() -> Option<PathBuf> {
    match std::env::var("JIT_TERRAFORM") {
        Ok(none) if none == "none" => None,
        Ok(path) => Some(path.into()),
        Err(_) => Some(which("terraform".as_ref()).expect(
            "terraform is on the PATH, or named by JIT_TERRAFORM; JIT_TERRAFORM=none leaves out the stories that need it",
        )),
    }
}

fn which(program: &OsStr) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.exists())
}

/// A script that says who AWS thinks it is, with which key, and where it got it from.
pub const WHO: &str = "
import boto3
session = boto3.session.Session()
keys = session.get_credentials()
print(keys.method, keys.get_frozen_credentials().access_key, session.client('sts').get_caller_identity()['Arn'], flush=True)
";
