//! What no compiler holds: who may enter which room, and lists in different files that must agree.
//!
//! Each test reads the repository as text and says, when it fails, in which file and line and against which rule.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

mod agreement;
mod papers;
mod queries;
mod rooms;

/// A file of the repository.
struct Source {
    /// From the repository's root, with `/` between the parts.
    path: String,
    text: String,
}

impl Source {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// The folder or file below `src/`: `slack` for `src/slack/view/card.rs`, `app` for `src/app.rs`.
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Where the byte at `offset` is, as editors understand it: `src/app.rs:12`.
    fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.text[..offset].lines().count().max(1))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends with `.extension`, in a fixed order.
fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), extension, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "there is no .{extension} file below {folder}: has the folder moved?");
    paths.iter().map(|path| Source::read(path)).collect()
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, paths);
        } else if path.extension().is_some_and(|found| found == extension) {
            let inside = path.strip_prefix(root()).unwrap();
            paths.push(inside.to_str().expect("paths are UTF-8").replace('\\', "/"));
        }
    }
}

/// Fails with all complaints at once.
#[track_caller]
fn none(complaints: &[String]) {
    let mut text = String::new();
    for complaint in complaints {
        let _ = write!(text, "\n  {complaint}");
    }
    assert!(complaints.is_empty(), "{} to mend:{text}", complaints.len());
}

/// A file that has grown past this is several things.
const LONGEST: usize = 450;
/// A story and the world it plays in may take longer.
const LONGEST_STORY: usize = 600;

#[test]
fn files_are_short_enough_to_be_read_at_once() {
    let limits = [("src", LONGEST), ("benches", LONGEST), ("tests", LONGEST_STORY)];
    let files =
        limits.into_iter().flat_map(|(folder, most)| sources(folder, "rs").into_iter().map(move |it| (it, most)));
    let complaints: Vec<String> = files
        .filter_map(|(file, most)| {
            let lines = file.text.lines().count();
            (lines > most).then(|| format!("{} has {lines} lines, {most} are allowed: split it", file.path))
        })
        .collect();
    none(&complaints);
}
