//! Whatever is done to a good file, the answer is a configuration or problems with their lines, never a panic and never
//! a refusal without a reason.

use super::*;

/// A file with something from every corner.
fn seed() -> String {
    let more = r#"
        [[role]]
        name = "try"
        max_duration = "10m"
        [[role.rule]]
        approvers = ["leads"]
        [[role.target]]
        type = "demo"
    "#;
    format!("{}{more}", include_str!("fixed_shape.toml"))
}

fn judge(folder: &Folder, text: &str) {
    fs::write(folder.main(), text).unwrap();
    let Err(problems) = folder.load() else { return };
    let list = problems.list();
    assert!(!list.is_empty() && list.iter().all(|problem| problem.line > 0), "{list:?}\n{text}");
    let drawn = problems.render(false);
    assert_eq!(drawn.matches("help: ").count(), list.len(), "{drawn}\n{text}");
}

#[test]
fn files_that_break_off() {
    let (folder, text) = (Folder::new(&[]), seed());
    for end in (0..text.len()).step_by(29).filter(|end| text.is_char_boundary(*end)) {
        judge(&folder, &text[..end]);
    }
}

#[test]
fn files_with_a_line_too_few_or_too_many() {
    let (folder, text) = (Folder::new(&[]), seed());
    let lines: Vec<&str> = text.lines().collect();
    for at in 0..lines.len() {
        let without: Vec<&str> =
            lines.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, line)| *line).collect();
        judge(&folder, &without.join("\n"));
        let twice: Vec<&str> = lines[..=at].iter().chain(&lines[at..]).copied().collect();
        judge(&folder, &twice.join("\n"));
    }
}

#[test]
fn values_replaced_by_others() {
    let (folder, text) = (Folder::new(&[]), seed());
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        for other in OTHERS {
            let line = format!("{key} = {other}");
            let mut changed = lines.clone();
            changed[at] = &line;
            judge(&folder, &changed.join("\n"));
        }
    }
}

/// A value of each kind, and some that have the form of another.
const OTHERS: [&str; 7] = ["7", "''", "'\u{e9}'", "'U0AAAA1'", "[]", "{ x = 1 }", "1.5"];
