//! The configuration as an operator meets it: files in, words out.

mod api;
mod aws_targets;
mod azure_targets;
mod files;
mod good;
mod mutants;
mod policy;
mod sections;
mod values;

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{Config, Problems, Secrets, check as check_file, load};

/// The tables that every configuration needs, in the fewest lines.
const TOP: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://jit.example.com"
[store]
url = "sqlite:jit.db"
[slack]
signing_secret = { env = "SLACK_SIGNING_SECRET" }
bot_token = { env = "SLACK_BOT_TOKEN" }
team_ids = ["T0ACME"]
requests_channel = "C0REQUESTS"
audit_channel = "C0AUDIT"
"#;

/// Files in a folder of their own, and the variables that are set.
struct Folder {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let environment = [
            ("SLACK_SIGNING_SECRET", "signing-0123"),
            ("SLACK_BOT_TOKEN", "xoxb-bot-0123"),
            ("AZURE_CLIENT_SECRET", "azure-0123"),
            ("JIT_EXTERNAL_ID", "external-0123"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { folder, environment }
    }

    fn main(&self) -> PathBuf {
        self.folder.path().join("jit.toml")
    }

    fn load(&self) -> Result<Config, Problems> {
        load(&self.main(), &self.environment)
    }

    fn refusal(&self) -> Problems {
        self.load().expect_err("a refusal")
    }

    fn check(&self, secrets: Secrets) -> String {
        let said = check_file(&self.main(), &self.environment, secrets);
        let said = said.unwrap_or_else(|problems| problems.render(false));
        assert!(said.is_ascii(), "{said}");
        self.bare(said)
    }

    /// Text without the name of the folder, which is another in each run.
    fn bare(&self, text: impl AsRef<str>) -> String {
        text.as_ref().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// What is said about a main file.
fn check(text: &str) -> String {
    Folder::new(&[("jit.toml", text)]).check(Secrets::Required)
}

/// What is said about a main file with all that it needs and this.
fn check_with(text: &str) -> String {
    check(&format!("{TOP}{text}"))
}

/// The same, each problem on a line.
fn brief(text: &str) -> String {
    let folder = Folder::new(&[("jit.toml", &format!("{TOP}{text}"))]);
    let line = |problem: super::Problem| format!("{} | {}", folder.bare(problem.message), folder.bare(problem.help));
    match folder.load() {
        Ok(_) => "in order".to_owned(),
        Err(problems) => problems.list().into_iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
