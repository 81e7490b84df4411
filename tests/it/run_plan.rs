//! `jit run --plan`: people see what Terraform would do, and exactly that is done, or nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use jit::playground::workspace::Person;

use crate::harness::{
    World,
    cli::{Ended, Running, Shell, terraform},
    state,
};

/// Something with one thing that is there already and changes, and one that is new. Nothing has to be downloaded.
const CONFIGURATION: &str = r#"
variable "release" { type = string }
resource "terraform_data" "app" {
  triggers_replace = [var.release]
  provisioner "local-exec" {
    command = "echo ${var.release} $JIT_GRANT $${AWS_CONTAINER_CREDENTIALS_FULL_URI:+with credentials} >> applied"
  }
}
resource "terraform_data" "more" {
  count = var.release == "1" ? 0 : 1
}
"#;

/// A folder with a state of release 1, and a plan for release 2.
struct Project {
    shell: Shell,
    terraform: PathBuf,
}

impl Project {
    async fn planned(world: &mut World, person: &Person) -> Option<Self> {
        let terraform = terraform()?;
        let project = Self { shell: Shell::of(world, person).await, terraform };
        std::fs::write(project.shell.file("main.tf"), CONFIGURATION).unwrap();
        project.terraform(&["init", "-input=false"]);
        project.terraform(&["apply", "-input=false", "-auto-approve", "-var=release=1"]);
        project.terraform(&["plan", "-input=false", "-out=tfplan", "-var=release=2"]);
        Some(project)
    }

    fn terraform(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.terraform);
        command.args(arguments).env_clear().envs(&self.shell.environment).current_dir(&self.shell.home);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// `jit run --plan tfplan -- terraform apply PLAN`
    fn run(&self, plan: &str) -> Running {
        let terraform = self.terraform.to_str().unwrap();
        let options = ["run", "--role", "prod-deploy", "--reason", "OPS-42", "--for", "30m", "--plan", "tfplan", "--"];
        self.shell.start_all(&[&options[..], &[terraform, "apply", "-input=false", "-no-color", plan]].concat())
    }

    fn applied(&self) -> String {
        std::fs::read_to_string(self.shell.file("applied")).unwrap()
    }

    /// The private copy that is going to be run.
    fn copy(&self) -> PathBuf {
        let folders = std::fs::read_dir(self.shell.file("tmp")).unwrap().map(|it| it.unwrap().path());
        folders.map(|folder| folder.join("tfplan")).find(|file| file.exists()).expect("a private copy")
    }
}

#[tokio::test]
async fn what_is_run_is_what_was_approved() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let Some(project) = Project::planned(&mut world, &requester).await else { return world.finish().await };
    assert_eq!(project.applied(), "1\n", "without jit there are no credentials");

    let run = project.run("tfplan");
    world.says(&run, " waits for ").await;
    world.settle().await;
    let card = world.screen("requests");
    for told in ["2 to add", "0 to change", "1 to destroy", "terraform_data.app"] {
        assert!(card.contains(told), "`{told}` is not on the card:\n{card}");
    }
    // Somebody is quick and puts another plan in its place.
    project.terraform(&["plan", "-input=false", "-out=tfplan", "-var=release=evil"]);
    world.decides(&run, &approver, "Approve").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Apply complete! Resources: 2 added, 0 changed, 1 destroyed."), "{out}");
    let grant = world.grant().await;
    assert_eq!(project.applied(), format!("1\n2 {} with credentials\n", grant.code.grant()));
    assert_eq!(state(&grant), "ended");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn or_nothing_is_run() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let Some(project) = Project::planned(&mut world, &requester).await else { return world.finish().await };
    let run = project.run("tfplan");
    world.says(&run, " waits for ").await;
    make_another(&project.copy());
    world.decides(&run, &approver, "Approve").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!((code, out.as_str()), (18, ""), "{err}");
    assert!(err.contains("no longer the one that was approved"), "{err}");
    assert_eq!(project.applied(), "1\n");
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}

/// Somebody who has become us can even do this.
fn make_another(copy: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(copy, "another plan").unwrap();
}

#[tokio::test]
async fn a_plan_must_be_one_and_must_be_named() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let Some(project) = Project::planned(&mut world, &requester).await else { return world.finish().await };
    let other = project.run("otherplan").ends(&mut world).await;
    assert!(other.code == 2 && other.err.contains("does not name the plan `tfplan`"), "{other:?}");
    std::fs::write(project.shell.file("tfplan"), "no plan").unwrap();
    let broken = project.run("tfplan").ends(&mut world).await;
    assert!(broken.code == 2 && broken.err.contains("does not understand the plan"), "{broken:?}");
    std::fs::remove_file(project.shell.file("tfplan")).unwrap();
    let missing = project.run("tfplan").ends(&mut world).await;
    assert!(missing.code == 2 && missing.err.contains("terraform plan -out=FILE"), "{missing:?}");
    assert!(world.all_grants().await.is_empty());
    world.everything_is_read();
    world.finish().await;
}
