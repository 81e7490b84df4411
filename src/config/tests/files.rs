//! Several files, and files that cannot be read.

use super::*;
use crate::domain::ids::RoleName;

const ROLE: &str = r#"
[[role]]
name = "one"
max_duration = "1h"
rule = [{ approvers = ["sre"] }]
target = [{ type = "demo" }]
"#;

fn including(pattern: &str) -> String {
    format!("include = [{pattern}]\n{TOP}")
}

#[test]
fn included_files_add_roles_groups_and_people() {
    let two = ROLE.replace("one", "two");
    let folder = Folder::new(&[
        ("jit.toml", &including(r#""roles/*.toml", "groups.toml", "*.toml", "none/*.toml""#)),
        ("roles/b.toml", ROLE),
        ("roles/a.toml", &two),
        ("groups.toml", "[groups]\nsre = [\"U0AAAA1\"]\n[[person]]\nslack = \"U0AAAA1\"\n"),
    ]);
    let config = folder.load().unwrap();
    assert_eq!(config.catalog.roles.keys().map(RoleName::as_str).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(config.catalog.aliases.len(), 1);
    let files: Vec<String> = config.files.iter().map(|file| folder.bare(file.display().to_string())).collect();
    assert_eq!(files, ["jit.toml", "roles/a.toml", "roles/b.toml", "groups.toml"]);
}

#[test]
fn the_same_name_in_two_files() {
    let folder = Folder::new(&[
        ("jit.toml", &format!("{}[groups]\nsre = [\"U0AAAA1\"]\n{ROLE}", including(r#""more.toml""#))),
        ("more.toml", &format!("[groups]\nsre = [\"U0AAAA2\"]\n{ROLE}")),
    ]);
    insta::assert_snapshot!(folder.bare(folder.refusal().render(false)), @r#"
  x The group "sre" is defined twice
   ,-[more.toml:2:1]
 2 | sre = ["U0AAAA2"]
   : ^|^
   :  `-- again here
   `----
  help: Merge the two, or give one another name.
  `->   > first here
          ,-[jit.toml:15:1]
       15 | sre = ["U0AAAA1"]
          : ^^^
          `----

  x There are two roles "one"
   ,-[more.toml:5:8]
 5 | name = "one"
   :        ^^|^^
   :          `-- again here
   `----
  help: Give one of them another name, or take it out.
  `->   > first here
          ,-[jit.toml:18:8]
       18 | name = "one"
          :        ^^^^^
          `----

2 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn included_files_cannot_have_what_there_is_one_of() {
    let folder =
        Folder::new(&[("jit.toml", &including(r#""more.toml""#)), ("more.toml", "include = []\n[slack]\n[rolle]\n")]);
    insta::assert_snapshot!(folder.bare(folder.refusal().render(false)), @r#"
  x `include` cannot stand in an included file
   ,-[more.toml:1:11]
 1 | include = []
   :           ^^
   `----
  help: Move it to the main file; included files have [[role]], [[person]], [[workload]] and
        [groups].

  x `slack` cannot stand in an included file
   ,-[more.toml:2:1]
 2 | [slack]
   : ^^^^^^^
   `----
  help: Move it to the main file; included files have [[role]], [[person]], [[workload]] and
        [groups].

  x `rolle` is not a key of the file
   ,-[more.toml:3:2]
 3 | [rolle]
   :  ^^^^^
   `----
  help: Did you mean `role`?

3 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn paths_that_lead_nowhere() {
    let folder = Folder::new(&[("jit.toml", &including(r#""roles.toml", "roles/[.toml", 7"#))]);
    let said: Vec<String> = folder.refusal().list().into_iter().map(|problem| folder.bare(problem.message)).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
There is no file roles.toml
"roles/[.toml" is not a pattern: invalid range pattern
`include` wants a text, not a number
"#);
    let folder = Folder::new(&[]);
    let [problem] = folder.refusal().list().try_into().unwrap();
    assert_eq!((folder.bare(problem.file), problem.line), ("jit.toml".into(), 0));
    insta::assert_snapshot!(folder.bare(problem.message), @r#"
jit.toml cannot be read: No such file or directory (os error 2)
"#);
}

#[test]
fn every_file_that_is_not_toml_is_named() {
    let folder = Folder::new(&[
        ("jit.toml", &including(r#""*.toml""#)),
        ("more.toml", "[groups]\nsre = U0AAAA1\n"),
        ("open.toml", "[[role]\nname = \"x"),
        ("twice.toml", "[groups]\n[groups]\n"),
    ]);
    insta::assert_snapshot!(folder.bare(folder.refusal().render(false)), @r#"
  x This is not TOML: string values must be quoted, expected literal string
   ,-[more.toml:2:7]
 2 | sre = U0AAAA1
   :       ^^^^^^^
   `----
  help: Mend the line; the rest is checked as soon as every file can be read. The format is
        explained at https://toml.io

  x This is not TOML: unclosed array table, expected `]`
   ,-[open.toml:1:8]
 1 | [[role]
   `----
  help: Mend the line; the rest is checked as soon as every file can be read. The format is
        explained at https://toml.io

  x This is not TOML: duplicate key
   ,-[twice.toml:2:2]
 2 | [groups]
   :  ^^^^^^
   `----
  help: Mend the line; the rest is checked as soon as every file can be read. The format is
        explained at https://toml.io

3 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn programs_get_file_line_and_column() {
    let folder = Folder::new(&[("jit.toml", &format!("{TOP}[limits]\npending_per_person = 0\n"))]);
    let [problem] = folder.refusal().list().try_into().unwrap();
    assert_eq!((folder.bare(problem.file), problem.line, problem.column), ("jit.toml".into(), 14, 22));
}

#[test]
fn colour_is_for_terminals() {
    let folder = Folder::new(&[("jit.toml", "")]);
    assert!(folder.refusal().render(true).contains('\u{1b}'));
    assert!(folder.refusal().render(false).is_ascii());
    assert!(!folder.refusal().render(false).contains('\u{1b}'));
}
