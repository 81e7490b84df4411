//! Single values of the wrong kind or form.

use super::*;

/// A role with these lines and all else in order.
fn role(lines: &str) -> String {
    let rest = "rule = [{ approvers = [\"U0AAAA1\"] }]\ntarget = [{ type = \"demo\" }]\n";
    let line = |key: &str, usual: &str| if lines.contains(key) { String::new() } else { format!("{usual}\n") };
    let (name, max) = (line("name =", "name = \"deploy\""), line("max_duration", "max_duration = \"2h\""));
    brief(&format!("[[role]]\n{name}{max}{lines}\n{rest}"))
}

#[test]
fn values_of_the_wrong_kind() {
    insta::assert_snapshot!(role(r#"
description = 5
min_duration = 60
default_duration = 1.5
reason = true
ticket = ["OPS"]
requesters = "everybody"
approval_timeout = 2026-01-01
channel = {}
"#), @r#"
`description` wants a text, not a number | For example: "..." between quotes
`min_duration` wants a duration, not a number | For example: "30m", "1h30m" or "1d"
`default_duration` wants a duration, not a number with a point | For example: "30m", "1h30m" or "1d"
`reason` wants one of required, optional, not true or false | For example: "required"
`ticket` wants a regular expression, not a list | For example: "^OPS-[0-9]+$"
`requesters` wants a list of Slack ids and names of groups, not a text | For example: ["sre", "U0AAAA1", "S0ONCALL"]
`approval_timeout` wants a duration, not a date | For example: "30m", "1h30m" or "1d"
`channel` wants a Slack id, not a table | For example: "C0REQUESTS" between quotes
"#);
}

#[test]
fn durations() {
    let said: Vec<String> = [
        r#"max_duration = "2 ours""#,
        r#"max_duration = "-5m""#,
        r#"max_duration = "31d""#,
        r#"min_duration = "3h""#,
        r#"default_duration = "3h""#,
        r#"default_duration = "30s""#,
        r#"approval_timeout = "30s""#,
    ]
    .into_iter()
    .map(role)
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
"2 ours" is not a duration | Write a positive number with its unit: "90s", "30m", "1h30m", "1d".
"-5m" is not a duration | Write a positive number with its unit: "90s", "30m", "1h30m", "1d".
31d is longer than 30d, the most that jit allows | Keep `max_duration` at 30d or less: what is needed longer is not temporary.
`min_duration` 3h is longer than `max_duration` 2h | Swap the two, or mend one.
`default_duration` 3h is outside of what the role allows, 1m to 2h | It is what people get who name no duration: choose one between min_duration and max_duration.
`default_duration` 30s is outside of what the role allows, 1m to 2h | It is what people get who name no duration: choose one between min_duration and max_duration.
30s is too short for anybody to decide | Give approvers at least 1m; 1h is usual.
"#);
}

#[test]
fn names_of_roles() {
    let long = "x".repeat(51);
    let said: Vec<String> = ["list", "Deploy", "30m", "prod deploy", "<!channel>", "", &long]
        .into_iter()
        .map(|name| role(&format!("name = \"{name}\"")))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
A role cannot be called "list" | `/jit list` means something already; "list-access" would do.
"Deploy" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"30m" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"prod deploy" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"<!channel>" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" cannot name a role | People type it in Slack: a lower-case letter, then lower-case letters, digits, - _ and ., at most 50 in all, such as prod-deploy.
"#);
    for name in ["a", "prod-deploy", "db.read_only-2"] {
        assert_eq!(role(&format!("name = \"{name}\"")), "in order");
    }
}

#[test]
fn tickets() {
    let said: Vec<String> =
        ["(OPS", "(?!x)", "[0-9]*", ""].iter().map(|text| role(&format!("ticket = \"{text}\""))).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
`ticket` is not a regular expression: unclosed group | A ticket pattern looks like "^OPS-[0-9]+$"; look-around and back-references are not known.
`ticket` is not a regular expression: look-around, including look-ahead and look-behind, is not supported | A ticket pattern looks like "^OPS-[0-9]+$"; look-around and back-references are not known.
`ticket` is found in any reason, even an empty one | Write what must be there at least once, such as "^OPS-[0-9]+$", or take the line out.
`ticket` is found in any reason, even an empty one | Write what must be there at least once, such as "^OPS-[0-9]+$", or take the line out.
"#);
}

#[test]
fn arns() {
    let target = |arn: &str| {
        brief(&format!(
            "[aws]\nregion = \"eu-west-1\"\n[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\n\
             rule = [{{ approvers = [\"U0AAAA1\"] }}]\ntarget = [{{ type = \"aws-sts\", role_arn = \"{arn}\" }}]\n"
        ))
    };
    for arn in ["arn:aws-us-gov:iam::111122223333:role/a", "arn:aws-cn:iam::111122223333:role/team/deploy"] {
        assert_eq!(target(arn), "in order");
    }
    for arn in [
        "deploy",
        "arn:aws:sts::111122223333:role/a",
        "arn:aws-iso:iam::111122223333:role/a",
        "arn:aws:iam::1:role/a",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:role/a/",
    ] {
        assert!(target(arn).contains("is not the ARN of an IAM role"), "{arn}");
    }
}

#[test]
fn urls() {
    let public_url = |url: &str| check(&TOP.replace("https://jit.example.com", url));
    for url in ["http://127.0.0.1:8080", "http://localhost/jit/", "http://[::1]", "https://x.test/a"] {
        assert!(public_url(url).contains("in order"), "{url}");
    }
    for url in
        ["http://x.test", "http://127.0.0.1.x.test", "ftp://x.test", "https://x.test/?a", "https://a@x.test", "x"]
    {
        assert!(public_url(url).contains("help: Write https://"), "{url}");
    }
}
