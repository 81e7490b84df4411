//! What the papers say, held against the program: commands, links, documents to paste.

use std::{collections::BTreeSet, path::Path};

use clap::{Command, CommandFactory};
use jit::{
    cli::Cli,
    config::{self, ProcessEnvironment, Secrets},
};
use regex::Regex;

use super::{Source, none, root, sources};

const PAPERS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "docs/off-static-keys.md"];

/// The code blocks of a paper in one language, without their fences.
fn blocks<'t>(paper: &'t Source, language: &str) -> Vec<&'t str> {
    let fence = format!("\n```{language}\n");
    let after = paper.text.split(fence.as_str()).skip(1);
    after.map(|block| block.split("\n```").next().unwrap_or_default()).collect()
}

/// Every `jit …` in code: after a back-tick, at the beginning of a line of a block, or after `cargo run --`.
fn commands(paper: &Source) -> Vec<(usize, &str)> {
    let pattern = Regex::new(
        r"(?m)(?:`|^(?:\$ )?|^ExecStart=\S*/|^\s*(?:[A-Z_]+=\S+ )+)jit ([a-z][^`\n|#>]*)|cargo run -- ([^`\n]*)",
    );
    let commands = pattern.unwrap();
    let hits = commands.captures_iter(&paper.text).filter_map(|hit| hit.get(1).or(hit.get(2)));
    hits.map(|hit| (hit.start(), hit.as_str())).collect()
}

#[test]
fn commands_and_options_in_the_papers_exist() {
    let cli = Cli::command();
    let mut complaints = Vec::new();
    let mut named = BTreeSet::new();
    for paper in PAPERS.map(Source::read) {
        for (offset, words) in commands(&paper) {
            match follow(&cli, words) {
                Ok(path) => named.extend([path]),
                Err(why) => complaints.push(format!("{}: `jit {words}`: {why}", paper.place(offset))),
            }
        }
    }
    let every = leaves(&cli, "");
    let missing = every.iter().filter(|path| !named.contains(*path));
    complaints.extend(missing.map(|path| format!("README.md does not name `jit{path}`")));
    let option = Regex::new(r"`(--[a-z-]+)").unwrap();
    for paper in PAPERS.map(Source::read) {
        let hits = option.captures_iter(&paper.text).filter_map(|hit| hit.get(1));
        let unknown =
            hits.filter(|hit| !every.iter().any(|path| follow(&cli, &format!("{path} {}", hit.as_str())).is_ok()));
        complaints.extend(unknown.map(|hit| format!("{}: no command has {}", paper.place(hit.start()), hit.as_str())));
    }
    none(&complaints);
}

/// The subcommand that these words name, if it and its options exist.
fn follow(cli: &Command, words: &str) -> Result<String, String> {
    let (mut command, mut path) = (cli, String::new());
    // What comes after a lone `--` is somebody else's.
    for word in words.split_whitespace().take_while(|word| *word != "--") {
        let option = word.split(['=', ']', ',', '.']).next().unwrap_or_default().trim_start_matches('[');
        if let Some(option) = option.strip_prefix("--") {
            let known = command.get_arguments().any(|argument| argument.get_long() == Some(option));
            if !known && !["help", "version"].contains(&option) {
                return Err(format!("there is no option --{option}"));
            }
        } else if let Some(next) = command.find_subcommand(word) {
            path = format!("{path} {word}");
            command = next;
        } else if command.has_subcommands() {
            return Err(format!("there is no command `{word}`"));
        }
    }
    Ok(path)
}

fn leaves(command: &Command, path: &str) -> Vec<String> {
    if !command.has_subcommands() {
        return vec![path.to_owned()];
    }
    command.get_subcommands().flat_map(|next| leaves(next, &format!("{path} {}", next.get_name()))).collect()
}

#[test]
fn links_and_files_in_the_papers_exist() {
    let links = Regex::new(r"\]\(([^)#]+)[^)]*\)").unwrap();
    let paths = Regex::new(r"`((?:src|tests|config|migrations|scripts|benches|docs|\.ci)/[\w./-]*)`").unwrap();
    let mut complaints = Vec::new();
    for paper in PAPERS.map(Source::read) {
        let hits = links.captures_iter(&paper.text).chain(paths.captures_iter(&paper.text));
        for hit in hits.filter_map(|hit| hit.get(1)).filter(|hit| !hit.as_str().contains("://")) {
            let beside = root().join(&paper.path).with_file_name(hit.as_str());
            if !root().join(hit.as_str()).exists() && !beside.exists() {
                complaints.push(format!("{}: there is no `{}`", paper.place(hit.start()), hit.as_str()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_map_shows_every_room() {
    let map = Source::read("ARCHITECTURE.md");
    let rooms: BTreeSet<String> = sources("src", "rs")
        .iter()
        .map(|file| file.path.split('/').take(2).collect::<Vec<_>>().join("/"))
        .map(|path| if Path::new(&path).extension().is_some() { path } else { format!("{path}/") })
        .collect();
    let missing = rooms.iter().filter(|room| !map.text.contains(&format!("`{room}`")));
    none(&missing.map(|room| format!("ARCHITECTURE.md does not name `{room}`")).collect::<Vec<_>>());
}

#[test]
fn documents_to_paste_are_in_order() {
    let readme = Source::read("README.md");
    let documents = blocks(&readme, "json");
    assert!(documents.len() >= 3, "README.md has policies for the bot, its targets and the revoker");
    let actions = Regex::new("\"Microsoft\\.Authorization/[^\"]+\"").unwrap();
    for document in &documents {
        let policy: serde_json::Value =
            serde_json::from_str(document).unwrap_or_else(|error| panic!("README.md: {error} in\n{document}"));
        if policy["IsCustom"] == true {
            // a role for Azure: what `jit check --live` looks for is in it
            let examine = Source::read("src/provider/azure/examine.rs");
            let needed = examine.text.split("const ARM_NEEDED").last().and_then(|text| text.split("];").next());
            for action in actions.find_iter(needed.unwrap_or_default()) {
                assert!(document.contains(action.as_str()), "README.md: the role for Azure lacks {}", action.as_str());
            }
            continue;
        }
        assert_eq!(policy["Version"], "2012-10-17", "README.md: a policy without its version\n{document}");
    }
    let identity = Source::read("src/provider/aws/identity.rs");
    let tag = Regex::new(r#"GRANT_TAG: &str = "(\w+)""#).unwrap();
    let tag = tag.captures(&identity.text).expect("identity.rs names the tag").get(1).unwrap().as_str();
    let trust = documents.iter().find(|document| document.contains("sts:ExternalId")).expect("there is a trust policy");
    for needed in [tag, "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "\"jit-*\""] {
        assert!(trust.contains(needed), "README.md: the trust policy does not let `{needed}` pass");
    }
}

#[test]
fn the_first_configuration_is_in_order() {
    let readme = Source::read("README.md");
    let [first] = blocks(&readme, "toml")[..] else { panic!("README.md has one configuration to begin with") };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jit.toml");
    std::fs::write(&file, first).unwrap();
    if let Err(problems) = config::check(&file, &ProcessEnvironment, Secrets::MayBeMissing) {
        panic!("README.md:\n{}", problems.render(false));
    }
}

/// The configuration of the examples, beside what every bot needs.
#[test]
fn the_examples_are_in_order() {
    let readme = Source::read("README.md");
    let (bot, _roles) = blocks(&readme, "toml")[0].split_once("[[role]]").expect("the first configuration has a role");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jit.toml");
    std::fs::copy(root().join("examples/trust/jit.toml"), folder.path().join("pipelines.toml")).unwrap();
    std::fs::write(&file, format!("include = [\"pipelines.toml\"]\n{bot}")).unwrap();
    if let Err(problems) = config::check(&file, &ProcessEnvironment, Secrets::MayBeMissing) {
        panic!("examples/trust/jit.toml:\n{}", problems.render(false));
    }
    let ours: serde_json::Value = serde_json::from_str(&Source::read("examples/trust/target-role.json").text).unwrap();
    let told = blocks(&readme, "json").into_iter().find(|document| document.contains("sts:ExternalId")).unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    let conditions =
        |policy: &serde_json::Value| policy["Statement"][0]["Condition"]["ForAllValues:StringEquals"].clone();
    assert_eq!(conditions(&ours), conditions(&told), "examples/trust/target-role.json and README.md");
}

#[test]
fn what_runs_in_pipelines_uses_options_that_there_are() {
    let cli = Cli::command();
    let options = Regex::new(r#"(?m)(?:options\+?=\(|set -- (?:"\$@" )?|jit run )(--.*)$"#).unwrap();
    let option = Regex::new(r"(?:^| )(--[a-z-]+)").unwrap();
    let mut complaints = Vec::new();
    let mut seen = 0;
    for file in ["action.yml", "templates/jit-run.yml", "examples/terraform/gitlab.yml"].map(Source::read) {
        for line in options.captures_iter(&file.text).filter_map(|hit| hit.get(1)) {
            let ours = line.as_str().split(" -- ").next().unwrap_or_default();
            for hit in option.captures_iter(ours).filter_map(|hit| hit.get(1)) {
                seen += 1;
                if let Err(why) = follow(&cli, &format!("run {}", hit.as_str())) {
                    complaints.push(format!("{}: {why}", file.place(line.start())));
                }
            }
        }
    }
    assert!(seen >= 10, "{seen} options were found: is this test still looking in the right places?");
    none(&complaints);
}
