//! `jit check --live`: what the clouds say about the roles before anybody asks for one.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use crate::{
    app::azure_of,
    cli::{colour, fail, say, wiring},
    config::{self, ProcessEnvironment},
    domain::catalog::{Role, Target},
    provider::azure::{Azure, Examined, Wants},
};

/// Asks about every target in Azure, and says what was found.
pub(super) async fn check(path: &Path) -> ExitCode {
    let config = match config::load(path, &ProcessEnvironment) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}", problems.render(colour()));
            return ExitCode::FAILURE;
        }
    };
    let azure = match azure_of(&config, &wiring()) {
        Ok(Some(azure)) => azure,
        Ok(None) => {
            say("Nothing to ask: the roles open nothing in Azure, and AWS is asked when access is requested.\n");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error.to_string()),
    };
    let mut problems = 0;
    for role in config.catalog.roles.values().filter(|role| role.targets.iter().any(Target::is_in_azure)) {
        let examined = examine(&azure, role).await;
        problems += examined.iter().map(|examined| examined.problems.len()).sum::<usize>();
        say(&text(role, &examined));
    }
    if !aliases_suffice(&config) && azure.can_find_people().await == Some(false) {
        problems += 1;
        say(
            "\nproblem     the app lacks the permission User.Read.All of Microsoft Graph, with which people are found by \
             their e-mail address: add it to the app registration as an application permission, and let an administrator \
             consent\n",
        );
    }
    match problems {
        0 => ExitCode::SUCCESS,
        1 => fails("\n1 problem stands in the way of grants.\n"),
        many => fails(&format!("\n{many} problems stand in the way of grants.\n")),
    }
}

fn fails(words: &str) -> ExitCode {
    say(words);
    ExitCode::FAILURE
}

/// Whether nobody has to be looked up, because each target says whose it is.
fn aliases_suffice(config: &config::Config) -> bool {
    let mut targets = config.catalog.roles.values().flat_map(|role| &role.targets).filter(|it| it.is_in_azure());
    targets.all(|target| target.principal().is_some())
}

async fn examine(azure: &Azure, role: &Role) -> Vec<Examined> {
    let wants = Wants { longest: role.max_duration, reason: role.reason_required, ticket: role.ticket.is_some() };
    let mut all = Vec::new();
    for target in role.targets.iter().filter(|target| target.is_in_azure()) {
        all.push(azure.examine(target, &wants).await);
    }
    all
}

fn text(role: &Role, all: &[Examined]) -> String {
    let mut text = format!("\n{} in Azure\n", role.name);
    for examined in all {
        let _ = writeln!(text, "  {:<11} {}", "opens", examined.about);
        if !examined.rules.is_empty() {
            let _ = writeln!(text, "  {:<11} {}", "policy", examined.rules.join(", "));
        }
        for (name, lines) in [("problem", &examined.problems), ("not known", &examined.unknown)] {
            for line in lines {
                let _ = writeln!(text, "  {name:<11} {line}");
            }
        }
        if examined.problems.is_empty() && examined.unknown.is_empty() {
            let _ = writeln!(text, "  {:<11} nothing stands in the way of grants", "in order");
        }
    }
    text
}
