//! What is wrong in the tables that there is one of.

use std::time::Duration;

use super::*;

#[test]
fn all_problems_are_told_at_once() {
    insta::assert_snapshot!(check(r#"
[server]
listen = "localhost:8080"
public_url = "http://jit.example.com"
[store]
url = "mysql://jit"
[slack]
mode = "sockets"
signing_secrt = { env = "SLACK_SIGNING_SECRET" }
bot_token = "xoxb-1234-very-secret"
team_ids = "T0ACME"
requests_channel = "requests"
colour = "blue"
"#), @r#"
  x "localhost:8080" is not an address to listen on
   ,-[jit.toml:3:10]
 3 | listen = "localhost:8080"
   :          ^^^^^^^^^^^^^^^^
   `----
  help: Write an IP address and a port: "127.0.0.1:8080" for this machine alone, "0.0.0.0:8080"
        for all.

  x `public_url`: plain http would carry secrets across the network readable by all
   ,-[jit.toml:4:14]
 4 | public_url = "http://jit.example.com"
   :              ^^^^^^^^^^^^^^^^^^^^^^^^
   `----
  help: Write https://... (plain http:// only for 127.0.0.1, [::1] and localhost).

  x `url`: this is not a store that jit knows
   ,-[jit.toml:6:7]
 6 | url = "mysql://jit"
   :       ^^^^^^^^^^^^^
   `----
  help: Write "sqlite:" and a file, such as "sqlite:jit.db".

  x `slack` lacks `audit_channel`
   ,-[jit.toml:7:1]
 7 | [slack]
   : ^^^^^^^
   `----
  help: Add `audit_channel`; config/example.toml explains every key.

  x `mode` cannot be "sockets"
   ,-[jit.toml:8:8]
 8 | mode = "sockets"
   :        ^^^^^^^^^
   `----
  help: Did you mean `socket`?

  x `signing_secrt` is not a key of `slack`
   ,-[jit.toml:9:1]
 9 | signing_secrt = { env = "SLACK_SIGNING_SECRET" }
   : ^^^^^^^^^^^^^
   `----
  help: Did you mean `signing_secret`?

  x `bot_token` is written out in the file
    ,-[jit.toml:10:13]
 10 | bot_token = "*********************"
    :             ^^^^^^^^^^^^^^^^^^^^^^^
    `----
  help: Secrets are never literals in a file: { env = "NAME" } or { file = "path" }. If this one
        was ever saved or pushed, replace it.

  x `team_ids` wants a list of workspace ids, not a text
    ,-[jit.toml:11:12]
 11 | team_ids = "T0ACME"
    :            ^^^^^^^^
    `----
  help: For example: ["T0ACME"]

  x "requests" is not a channel id
    ,-[jit.toml:12:20]
 12 | requests_channel = "requests"
    :                    ^^^^^^^^^^
    `----
  help: Write the id, not the name: open the channel's details in Slack; it is at the bottom, such
        as C0REQUESTS.

  x `colour` is not a key of `slack`
    ,-[jit.toml:13:1]
 13 | colour = "****"
    : ^^^^^^
    `----
  help: Known here: signing_secret, app_token, api_url, audit_channel, alerts_channel.

10 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn missing_tables_and_keys_are_named() {
    insta::assert_snapshot!(check("[server]\n[slack]\n"), @r#"
  x The file lacks [store]
   ,-[jit.toml:1:1]
 1 | [server]
   : ^
   `----
  help: Add [store]; config/example.toml explains every key.

  x `server` lacks `listen`, `public_url`
   ,-[jit.toml:1:1]
 1 | [server]
   : ^^^^^^^^
   `----
  help: Add `listen`, `public_url`; config/example.toml explains every key.

  x `slack` lacks `signing_secret`, `bot_token`, `team_ids`, `requests_channel`, `audit_channel`
   ,-[jit.toml:2:1]
 2 | [slack]
   : ^^^^^^^
   `----
  help: Add `signing_secret`, `bot_token`, `team_ids`, `requests_channel`, `audit_channel`;
        config/example.toml explains every key.

3 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    let text = TOP
        .replace(r#"{ env = "SLACK_SIGNING_SECRET" }"#, r#""8f742231b10e8888abcd99yyyzzz85a5""#)
        .replace(r#"{ env = "SLACK_BOT_TOKEN" }"#, r#"{ env = "xoxb-1234-very-secret" }"#);
    let said = check(&text);
    assert!(!said.contains("8f742231") && !said.contains("very-secret"), "{said}");
    insta::assert_snapshot!(said, @r#"
  x `signing_secret` is written out in the file
   ,-[jit.toml:8:18]
 8 | signing_secret = "********************************"
   :                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   `----
  help: Secrets are never literals in a file: { env = "NAME" } or { file = "path" }. If this one
        was ever saved or pushed, replace it.

  x `env` is not the name of an environment variable
   ,-[jit.toml:9:21]
 9 | bot_token = { env = "*********************" }
   :                     ^^^^^^^^^^^^^^^^^^^^^^^
   `----
  help: It is the variable's name that goes here, such as SLACK_BOT_TOKEN, not the secret itself.

2 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn no_line_that_is_shown_has_a_secret_in_it() {
    for line in [
        r#"bot_token = "hunter2-0123456789"#,
        r#"bot_token = { env = "hunter2_0123456789" }"#,
        r#"bot_token = { value = "hunter2-0123456789" }"#,
        r#"bot_token = ["hunter2-0123456789"]"#,
        r#"bot_tokn = "hunter2-0123456789""#,
        r#"botToken = "hunter2-0123456789", x"#,
        r#"api_url = "https://jit:hunter2-0123456789@slack.com/api""#,
        "bot_token = hunter2-0123456789",
        r#"app_token = """hunter2-0123456789""""#,
    ] {
        let said = check(&format!("[slack]\n{line}\n"));
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn secrets_that_are_not_where_they_should_be() {
    let text = TOP
        .replace(r#"{ env = "SLACK_SIGNING_SECRET" }"#, r#"{ env = "NOT_SET" }"#)
        .replace(r#"{ env = "SLACK_BOT_TOKEN" }"#, r#"{ env = "SLACK_BOT_TOKEN", file = "x" }"#);
    insta::assert_snapshot!(check(&text), @r#"
  x `signing_secret`: the environment variable NOT_SET is not set
   ,-[jit.toml:8:18]
 8 | signing_secret = { env = "NOT_SET" }
   :                  ^^^^^^^^^^^^^^^^^^^
   `----
  help: Provide it before starting; to check a file where secrets are not at hand, use `jit check
        --no-secrets`.

  x `bot_token` must say one place where the secret is
   ,-[jit.toml:9:13]
 9 | bot_token = { env = "SLACK_BOT_TOKEN", file = "x" }
   :             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   `----
  help: Write { env = "NAME" } or { file = "path" }, not both.

2 problems. The configuration is refused as a whole.
"#);
    let text = TOP
        .replace(r#"{ env = "SLACK_SIGNING_SECRET" }"#, r#"{ file = "blank" }"#)
        .replace(r#"{ env = "SLACK_BOT_TOKEN" }"#, r#"{ file = "gone" }"#);
    let folder = Folder::new(&[("jit.toml", &text), ("blank", "\n")]);
    let said: Vec<String> = folder.refusal().list().into_iter().map(|problem| folder.bare(problem.message)).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
`signing_secret`: blank is empty
`bot_token`: gone cannot be read: No such file or directory (os error 2)
"#);
}

#[test]
fn socket_mode_needs_its_token() {
    insta::assert_snapshot!(check(&TOP.replace("[slack]", "[slack]\nmode = \"socket\"")), @r#"
  x `mode = "socket"` needs an `app_token`
   ,-[jit.toml:8:8]
 8 | mode = "socket"
   :        ^^^^^^^^
   `----
  help: Add app_token = { env = "SLACK_APP_TOKEN" }: an app-level token with the scope
        connections:write. Or use mode = "http".

1 problem. The configuration is refused as a whole.
"#);
}

#[test]
fn clouds() {
    insta::assert_snapshot!(brief(r#"
[aws]
region = "Ireland"
endpoint_url = "http://169.254.169.254"
federation_url = "https://signin.test/?Action=login"
revoker_role_arn = "arn:aws:iam::1111:role/revoker"
identity_center = { instance_arn = "ssoins-1", identity_store = "d-1" }
[azure]
tenant_id = "t"
credential = "workload-identity"
client_secret = { env = "AZURE_CLIENT_SECRET" }
arm_url = "http://127.0.0.1:1"
"#), @r#"
"Ireland" is not an AWS region | It looks like eu-west-1 or us-gov-east-1.
`endpoint_url`: plain http would carry secrets across the network readable by all | Write https://... (plain http:// only for 127.0.0.1, [::1] and localhost).
`federation_url`: `?` and `#` have no meaning here | Write https://... (plain http:// only for 127.0.0.1, [::1] and localhost).
"arn:aws:iam::1111:role/revoker" is not the ARN of an IAM role | It looks like arn:aws:iam::111122223333:role/prod-deploy (arn:aws-us-gov:... and arn:aws-cn:... as well); `aws iam get-role --role-name ...` prints it.
`instance_arn` cannot be "ssoins-1" | It looks like arn:aws....
`identity_store` is not a key of `identity_center` | Did you mean `identity_store_id`?
`client_secret` is not used with credential = "workload-identity" | Take `client_secret` out, or choose the credential that it belongs to.
`arm_url` must be https | Azure's own libraries refuse anything else.
"#);
    insta::assert_snapshot!(brief("[azure]\ntenant_id = \"t\"\ncredential = \"client-certificate\"\nclient_id = \"c\"\nclient_certificate = { file = \"x.p12\" }"), @r#"
There is no file x.p12 | Put the PKCS#12 file there, or mend the path.
"#);
}

#[test]
fn two_people_are_not_one_user_in_a_cloud() {
    insta::assert_snapshot!(check_with(r#"
[[person]]
slack = "U0AAAA1"
aws_identity_center = "anna"
azure_object_id = "11111111-2222-3333-4444-555555555555"
[[person]]
slack = "U0AAAA2"
aws_identity_center = "Anna"
azure_object_id = "11111111-2222-3333-4444-555555555555"
"#), @r#"
      x Anna is in the file twice
        ,-[jit.toml:16:23]
     16 | aws_identity_center = "anna"
        :                       ^^^|^^
        :                          `-- first here
     17 | azure_object_id = "11111111-2222-3333-4444-555555555555"
     18 | [[person]]
     19 | slack = "U0AAAA2"
     20 | aws_identity_center = "Anna"
        :                       ^^^|^^
        :                          `-- again here
        `----
      help: Two people in Slack cannot be one user in a cloud: the end of what one has would end it
            for both.

      x 11111111-2222-3333-4444-555555555555 is in the file twice
        ,-[jit.toml:17:19]
     17 | azure_object_id = "11111111-2222-3333-4444-555555555555"
        :                   ^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
        :                                      `-- first here
     18 | [[person]]
     19 | slack = "U0AAAA2"
     20 | aws_identity_center = "Anna"
     21 | azure_object_id = "11111111-2222-3333-4444-555555555555"
        :                   ^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
        :                                      `-- again here
        `----
      help: Two people in Slack cannot be one user in a cloud: the end of what one has would end it
            for both.

    2 problems. The configuration is refused as a whole.
    "#);
}

#[test]
fn limits_and_people() {
    insta::assert_snapshot!(check_with(r#"
[limits]
requests_per_person_per_hour = 0
pending_per_person = "5"
[[person]]
slack = "U0AAAA1"
[[person]]
slack = "U0AAAA1"
azure_object_id = "2"
[[person]]
slack = "anna"
"#), @r#"
  x `requests_per_person_per_hour` must be at least 1
    ,-[jit.toml:15:32]
 15 | requests_per_person_per_hour = 0
    :                                ^
    `----
  help: With nothing allowed, nobody could ask for anything.

  x `pending_per_person` wants a number, not a text
    ,-[jit.toml:16:22]
 16 | pending_per_person = "5"
    :                      ^^^
    `----
  help: For example: 5

  x U0AAAA1 is in the file twice
    ,-[jit.toml:18:9]
 18 | slack = "U0AAAA1"
    :         ^^^^|^^^^
    :             `-- first here
 19 | [[person]]
 20 | slack = "U0AAAA1"
    :         ^^^^|^^^^
    :             `-- again here
    `----
  help: Put all that is known about a person below one [[person]].

  x "anna" is not a person's Slack id
    ,-[jit.toml:23:9]
 23 | slack = "anna"
    :         ^^^^^^
    `----
  help: In Slack, open the person's profile, then the menu with three dots, then Copy member ID:
        U0AAAA1.

4 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn sweeps_have_their_time() {
    let every = |text: &str| Folder::new(&[("jit.toml", &format!("{TOP}{text}"))]).load().unwrap().drift.every;
    assert_eq!(every(""), Duration::from_mins(15));
    assert_eq!(every("[drift]\nevery = \"1h30m\"\n"), Duration::from_mins(90));
    insta::assert_snapshot!(check(&format!("{TOP}[drift]\nevery = \"30s\"\n")), @r#"
      x 30s is too short a time between sweeps
        ,-[jit.toml:14:9]
     14 | every = "30s"
        :         ^^^^^
        `----
      help: Write "1m" or longer: each sweep asks the clouds about everything that is managed.

    1 problem. The configuration is refused as a whole.
    "#);
}

#[test]
fn other_ways_to_write_a_table() {
    insta::assert_snapshot!(check(r#"
server.listen = "127.0.0.1:8080"
store = "sqlite:jit.db"
slack = { mode = "http" }
[[aws]]
region = "eu-west-1"
[role]
name = "deploy"
"#), @r#"
  x `server` lacks `public_url`
   ,-[jit.toml:2:1]
 2 | server.listen = "127.0.0.1:8080"
   : ^^^^^^
   `----
  help: Add `public_url`; config/example.toml explains every key.

  x `store` wants a table, not a text
   ,-[jit.toml:3:9]
 3 | store = "sqlite:jit.db"
   :         ^^^^^^^^^^^^^^^
   `----
  help: For example: [store]

  x `slack` lacks `signing_secret`, `bot_token`, `team_ids`, `requests_channel`, `audit_channel`
   ,-[jit.toml:4:9]
 4 | slack = { mode = "http" }
   :         ^^^^^^^^^^^^^^^^^
   `----
  help: Add `signing_secret`, `bot_token`, `team_ids`, `requests_channel`, `audit_channel`;
        config/example.toml explains every key.

  x `aws` wants a table, not a list
   ,-[jit.toml:5:1]
 5 | [[aws]]
   : ^^^^^^^
   `----
  help: For example: [aws]

  x `role` wants a list of tables, not a single one
   ,-[jit.toml:7:1]
 7 | [role]
   : ^^^^^^
   `----
  help: Write the header with two brackets on each side: [[role]]

5 problems. The configuration is refused as a whole.
"#);
}
