//! Which files make up a configuration: the main one and those that its `include` names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    context::{Seen, beside},
    forms,
    problem::{Finding, Report},
    raw::{self, Raw, Value},
    reader::{Node, Wants},
    source::Source,
};

/// Every file that was read.
pub(super) struct Files {
    pub sources: Vec<Source>,
    /// `None` when one of them is not TOML: what is said in another cannot be judged then.
    pub roots: Option<Roots>,
}

/// The files as raw tables.
pub(super) struct Roots {
    pub main: Raw,
    pub included: Vec<Raw>,
}

/// Reads the main file and all that it includes.
pub(super) fn read(path: &Path, report: &Report, seen: &Seen) -> Files {
    let mut sources = Vec::new();
    let main = match seen.read(path) {
        Ok(text) => parse(path.to_owned(), text, &mut sources, report),
        Err(error) => {
            let help =
                "Name another file with --config FILE or the variable JIT_CONFIG; config/example.toml is a start.";
            let name = path.display().to_string();
            report.add(Finding::unreadable(name.clone(), format!("{name} cannot be read: {error}"), help));
            None
        }
    };
    let Some(main) = main else { return Files { sources, roots: None } };
    let mut included = Vec::new();
    for (path, node) in includes(path, &main, report) {
        match seen.read(&path) {
            Ok(text) => included.push(parse(path, text, &mut sources, report)),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                node.refuse(message, "Let the user that runs jit read the file, or take it out of `include`.");
                included.push(None);
            }
        }
    }
    let included: Option<Vec<Raw>> = included.into_iter().collect();
    Files { sources, roots: included.map(|included| Roots { main, included }) }
}

fn parse(path: PathBuf, text: String, sources: &mut Vec<Source>, report: &Report) -> Option<Raw> {
    let parsed = raw::parse(&text, sources.len(), report);
    sources.push(Source::new(path, text));
    parsed
}

/// The files that `include` names, each once, with the pattern that names it.
fn includes<'r>(main: &Path, root: &'r Raw, report: &'r Report) -> Vec<(PathBuf, Node<'r>)> {
    let Value::Table(entries) = &root.value else { return Vec::new() };
    let Some(entry) = entries.iter().find(|entry| entry.key == "include") else { return Vec::new() };
    if matches!(&entry.value.value, Value::List(items) if items.is_empty()) {
        return Vec::new();
    }
    let node = Node { key: "include", raw: &entry.value, report };
    let wants = Wants("a list of paths", "[\"roles/*.toml\"]");
    let mut known = vec![identity(main)];
    let mut files = Vec::new();
    for item in node.list(&wants).unwrap_or_default() {
        for path in matches(main, item) {
            if !known.contains(&identity(&path)) {
                known.push(identity(&path));
                files.push((path, item));
            }
        }
    }
    files
}

/// The files of one pattern, sorted. A pattern with wildcards may match nothing yet; a plain path may not.
fn matches(main: &Path, node: Node<'_>) -> Vec<PathBuf> {
    let Some(pattern) = forms::text(node) else { return Vec::new() };
    let path = beside(main, &pattern);
    if !pattern.contains(['*', '?', '[']) {
        if !path.is_file() {
            let help = "The path is relative to this file. A pattern such as \"roles/*.toml\" may match nothing.";
            node.refuse(format!("There is no file {}", path.display()), help);
            return Vec::new();
        }
        return vec![path];
    }
    let folder = glob::Pattern::escape(&main.parent().unwrap_or(Path::new("")).display().to_string());
    match glob::glob(&Path::new(&folder).join(&pattern).to_string_lossy()) {
        Ok(paths) => paths.filter_map(Result::ok).filter(|path| path.is_file()).collect(),
        Err(error) => {
            let help = "`*` stands for any part of a name and `**` for any folders, as in \"roles/**/*.toml\".";
            node.refuse(format!("\"{pattern}\" is not a pattern: {}", error.msg), help);
            Vec::new()
        }
    }
}

/// The same file by another path is the same file.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
