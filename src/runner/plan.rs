//! A Terraform plan, so that what is run is what was approved, or nothing is.
//!
//! The plan is copied into a folder that is ours alone before anybody is asked. Its digest and its summary are taken from
//! that copy, the command is given that copy, and the digest is taken again right before the command starts. What happens
//! to the original meanwhile does not matter.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::{ambient::Entropy, api};

/// How long `terraform show` may take; it reads a file and the schemas of providers that are there.
const PATIENCE: Duration = Duration::from_mins(2);
/// A plan, in a copy of our own.
#[derive(Debug)]
pub struct Plan {
    given: PathBuf,
    copy: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    _folder: Folder,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanTrouble {
    /// There is no such file, or no place for a copy.
    #[error("the plan `{}` cannot be read or kept: {error}. Make it with `terraform plan -out=FILE`", path.display())]
    File {
        /// What was given.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The program that reads plans failed.
    #[error("`{program} show -json` does not understand the plan `{}`: {why}", path.display())]
    Unreadable {
        /// What was run.
        program: String,
        /// What was given.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// Planning went wrong.
    #[error("the plan `{}` is not whole: `terraform plan` failed when it was made. Make it again", .0.display())]
    Errored(PathBuf),
    /// The command would run something else.
    #[error(
        "the command does not name the plan `{0}`, so something else would be run than what is approved. Write it as in \
         `jit run --plan {0} … -- terraform apply {0}`"
    )]
    NotNamed(String),
    /// Somebody has changed our copy.
    #[error(
        "the plan is no longer the one that was approved: its digest was {approved} and is {found}. Nothing was run"
    )]
    Changed {
        /// What people saw.
        approved: String,
        /// What is there.
        found: String,
    },
}

impl Plan {
    /// Copies the plan and takes its digest.
    ///
    /// # Errors
    /// When it cannot be read or copied.
    pub fn take(path: &Path, entropy: &dyn Entropy) -> Result<Self, PlanTrouble> {
        let trouble = |error| PlanTrouble::File { path: path.to_owned(), error };
        let folder = Folder::make(entropy).map_err(trouble)?;
        let copy = folder.0.join(path.file_name().unwrap_or(OsStr::new("plan")));
        let mut original = File::open(path).map_err(trouble)?;
        let mut kept = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&copy).map_err(trouble)?;
        io::copy(&mut original, &mut kept).map_err(trouble)?;
        let sha256 = digest(&copy).map_err(trouble)?;
        Ok(Self { given: path.to_owned(), copy, sha256, _folder: folder })
    }

    /// What it would do, for the card, as `program` (terraform or tofu) reads it.
    ///
    /// # Errors
    /// When the program fails, or the plan is not whole.
    pub async fn shown(&self, program: &OsStr) -> Result<api::Plan, PlanTrouble> {
        let unreadable = |why: String| PlanTrouble::Unreadable {
            program: program.to_string_lossy().into_owned(),
            path: self.given.clone(),
            why,
        };
        let mut command = Command::new(program);
        command.args(["show", "-json", "-no-color"]).arg(&self.copy).env("CHECKPOINT_DISABLE", "1");
        let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = match tokio::time::timeout(PATIENCE, run).await {
            Ok(output) => output.map_err(|error| unreadable(error.to_string()))?,
            Err(_) => return Err(unreadable("it takes too long".to_owned())),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(unreadable(said.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        let shown: Shown = serde_json::from_slice(&output.stdout).map_err(|error| unreadable(error.to_string()))?;
        if shown.errored {
            Err(PlanTrouble::Errored(self.given.clone()))
        } else {
            Ok(shown.summary(self.sha256.clone()))
        }
    }

    /// The command with our copy in place of the plan.
    ///
    /// # Errors
    /// When the command does not name the plan.
    pub fn put_into(&self, command: &[OsString]) -> Result<Vec<OsString>, PlanTrouble> {
        let mut named = false;
        let mut put = |word: &OsString| {
            let (before, path) = split_option(word);
            if self.is_named_by(path) {
                named = true;
                let mut put = before.to_owned();
                put.push(&self.copy);
                put
            } else {
                word.clone()
            }
        };
        let command = command.iter().map(&mut put).collect();
        if named { Ok(command) } else { Err(PlanTrouble::NotNamed(self.given.display().to_string())) }
    }

    /// Makes sure that our copy is what was approved.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self) -> Result<(), PlanTrouble> {
        let found = digest(&self.copy).unwrap_or_else(|error| format!("not to be had ({error})"));
        if found == self.sha256 { Ok(()) } else { Err(PlanTrouble::Changed { approved: self.sha256.clone(), found }) }
    }

    fn is_named_by(&self, word: &OsStr) -> bool {
        let same = || Some(fs::canonicalize(word).ok()? == fs::canonicalize(&self.given).ok()?);
        !word.is_empty() && (word == self.given.as_os_str() || same().unwrap_or(false))
    }
}

/// `-plan=FILE` is `-plan=` and `FILE`.
fn split_option(word: &OsStr) -> (&OsStr, &OsStr) {
    let bytes = word.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) if bytes.starts_with(b"-") => (OsStr::from_bytes(&bytes[..=at]), OsStr::from_bytes(&bytes[at + 1..])),
        _ => (OsStr::new(""), word),
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..count]);
    }
}

/// A folder that nobody else may enter, gone when this value is.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn make(entropy: &dyn Entropy) -> io::Result<Self> {
        let mut name = [0; 8];
        entropy.fill(&mut name);
        let path = std::env::temp_dir().join(format!("jit-run-{}", hex::encode(name)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _it_may_be_gone = fs::remove_dir_all(&self.0);
    }
}

/// What we want of `terraform show -json`. The rest of it may hold secrets and is dropped unread.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    errored: bool,
    #[serde(default)]
    resource_changes: Vec<ResourceChange>,
}

#[derive(Deserialize)]
struct ResourceChange {
    address: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
}

impl Shown {
    fn summary(self, sha256: String) -> api::Plan {
        let mut plan = api::Plan { sha256, add: 0, change: 0, destroy: 0, destroyed: Vec::new() };
        for ResourceChange { address, change } in self.resource_changes {
            let has = |action: &str| change.actions.iter().any(|it| it == action);
            plan.add += u32::from(has("create"));
            plan.change += u32::from(has("update"));
            if has("delete") {
                plan.destroy += 1;
                plan.destroyed.push(address);
            }
        }
        // All are counted.
        plan.destroyed.truncate(api::MOST_DESTROYED);
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::ambient::SystemEntropy;

    fn plan(text: &str) -> (tempfile::TempDir, Plan) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tfplan");
        fs::write(&path, text).unwrap();
        let plan = Plan::take(&path, &SystemEntropy).unwrap();
        (folder, plan)
    }

    #[test]
    fn what_is_replaced_is_made_and_destroyed() {
        let json = r#"{"format_version":"1.2","resource_changes":[
            {"address":"a.new","change":{"actions":["create"]}},
            {"address":"a.same","change":{"actions":["no-op"]}},
            {"address":"data.a.look","change":{"actions":["read"]}},
            {"address":"a.changed","change":{"actions":["update"],"after":{"password":"secret"}}},
            {"address":"a.gone[\"x\"]","change":{"actions":["delete"]}},
            {"address":"a.replaced","change":{"actions":["delete","create"]}},
            {"address":"a.replaced_early","change":{"actions":["create","delete"]}},
            {"address":"a.forgotten","change":{"actions":["forget"]}}]}"#;
        let plan = serde_json::from_str::<Shown>(json).unwrap().summary("digest".into());
        let destroyed = ["a.gone[\"x\"]", "a.replaced", "a.replaced_early"].map(str::to_owned).to_vec();
        assert_eq!(plan, api::Plan { sha256: "digest".into(), add: 3, change: 1, destroy: 3, destroyed });
        let nothing = serde_json::from_str::<Shown>("{}").unwrap().summary("digest".into());
        assert_eq!((nothing.add, nothing.change, nothing.destroy, nothing.destroyed.len()), (0, 0, 0, 0));
    }

    #[test]
    fn very_many_are_counted_and_not_all_named() {
        let change = |number| ResourceChange {
            address: format!("a.{number}"),
            change: Change { actions: vec!["delete".into()] },
        };
        let shown = Shown { errored: false, resource_changes: (0..250).map(change).collect() };
        let plan = shown.summary("digest".into());
        assert_eq!((plan.destroy, plan.destroyed.len()), (250, api::MOST_DESTROYED));
    }

    #[test]
    fn the_command_gets_our_copy_of_the_plan() {
        let (folder, plan) = plan("a plan");
        let given = plan.given.clone().into_os_string();
        let roundabout = folder.path().join(".").join("tfplan").into_os_string();
        let mut option = OsString::from("-plan=");
        option.push(&given);
        let command = ["terraform".into(), "apply".into(), given, roundabout, option, "-x=y".into()];
        let copy = plan.copy.to_str().unwrap();
        let expected = ["terraform", "apply", copy, copy, &format!("-plan={copy}"), "-x=y"].map(OsString::from);
        assert_eq!(plan.put_into(&command).unwrap(), expected);

        let other = plan.put_into(&["terraform".into(), "apply".into()]).unwrap_err().to_string();
        assert!(
            other.starts_with("the command does not name the plan `") && other.contains("-- terraform apply "),
            "{other}"
        );
    }

    #[test]
    fn the_original_may_change_and_the_copy_may_not() {
        let (folder, plan) = plan("a plan");
        assert_eq!(plan.sha256, hex::encode(Sha256::digest("a plan")));
        fs::write(&plan.given, "another plan").unwrap();
        plan.check().unwrap();

        fs::set_permissions(&plan.copy, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&plan.copy, "another plan").unwrap();
        let changed = plan.check().unwrap_err().to_string();
        assert!(changed.contains("no longer the one that was approved"), "{changed}");
        fs::remove_file(&plan.copy).unwrap();
        assert!(plan.check().unwrap_err().to_string().contains("not to be had"));
        drop(folder);
    }

    #[test]
    fn nobody_else_reads_the_copy_and_it_does_not_stay() {
        let (_folder, plan) = plan("a plan");
        let (inside, copy) = (plan.copy.parent().unwrap().to_owned(), plan.copy.clone());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inside), mode(&copy)), (0o700, 0o400));
        drop(plan);
        assert!(!inside.exists());
    }

    #[tokio::test]
    async fn a_program_that_cannot_read_the_plan_is_quoted() {
        let (folder, plan) = plan("no plan");
        let program = folder.path().join("terraform");
        fs::write(&program, "#!/bin/sh\necho 'Failed to read the given file' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let said = plan.shown(program.as_os_str()).await.unwrap_err().to_string();
        assert!(said.ends_with("Failed to read the given file"), "{said}");
        let gone = plan.shown(OsStr::new("/no/such/terraform")).await.unwrap_err().to_string();
        assert!(gone.contains("No such file"), "{gone}");
    }
}
