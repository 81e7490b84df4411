//! What may be asked of Azure, as OpenAPI (`contract.json`): every request that reaches the double is held against it, and
//! every answer that the double gives. It is strict about what is sent and knows no operation that the bot does not need.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The contract, read once.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::read(include_str!("contract.json")));

/// Every operation that there is.
pub struct Contract {
    operations: Vec<Operation>,
}

/// One method of one path.
pub struct Operation {
    /// `armPut_sub`, …
    pub id: String,
    method: String,
    path: Template,
    in_path: BTreeMap<String, Check>,
    in_query: BTreeMap<String, (bool, Check)>,
    content_type: Option<String>,
    body: Option<Check>,
    answers: BTreeMap<u16, Check>,
}

/// A request as the contract sees it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'r> {
    pub method: &'r str,
    /// Still percent-encoded.
    pub path: &'r str,
    pub query: Option<&'r str>,
    pub content_type: Option<&'r str>,
    pub body: &'r [u8],
}

impl Contract {
    fn read(text: &str) -> Self {
        let mut document: Value = serde_json::from_str(text).expect("contract.json is JSON");
        allow_null(&mut document);
        let components = Arc::new(document["components"].take());
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in
                item.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters")
            {
                let shared = item["parameters"].as_array().into_iter().flatten();
                let own = operation["parameters"].as_array().into_iter().flatten();
                let parameters: Vec<&Value> = shared.chain(own).collect();
                operations.push(Operation::read(path, method, operation, &parameters, &components));
            }
        }
        // what spans several segments would fit too much
        operations.sort_by_key(|operation| operation.path.spans);
        Self { operations }
    }

    /// The operation that a request is, if there is one and it keeps to it; what is wrong with it otherwise.
    pub fn check(&self, sent: &Sent<'_>) -> Result<&Operation, String> {
        let here: Vec<&Operation> = self.operations.iter().filter(|it| it.path.of(sent.path).is_some()).collect();
        let of_method = here.iter().find(|it| it.method.eq_ignore_ascii_case(sent.method));
        let Some(operation) = of_method else {
            let known: Vec<&str> = here.iter().map(|it| it.method.as_str()).collect();
            return Err(format!("no operation {} {} (methods there: {known:?})", sent.method, sent.path));
        };
        let complaints = operation.complaints(sent);
        if complaints.is_empty() {
            return Ok(operation);
        }
        Err(format!("{}: {} {}: {}", operation.id, sent.method, sent.path, complaints.join("; ")))
    }

    #[cfg(test)]
    fn ids(&self) -> Vec<&str> {
        self.operations.iter().map(|operation| operation.id.as_str()).collect()
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value, parameters: &[&Value], components: &Arc<Value>) -> Self {
        let schema = |schema: &Value| Check {
            schema: schema.clone(),
            components: Arc::clone(components),
            built: OnceLock::new(),
        };
        let (mut in_path, mut in_query, mut spans) = (BTreeMap::new(), BTreeMap::new(), false);
        for parameter in parameters {
            let name = parameter["name"].as_str().expect("a name").to_owned();
            let check = schema(&parameter["schema"]);
            match parameter["in"].as_str() {
                Some("path") => {
                    spans |= parameter["x-ms-skip-url-encoding"] == true;
                    in_path.insert(name, check);
                }
                Some("query") => {
                    in_query.insert(name, (parameter["required"] == true, check));
                }
                other => panic!("a parameter in {other:?}"),
            }
        }
        let content = operation["requestBody"]["content"].as_object().and_then(|all| all.iter().next());
        let answers = operation["responses"].as_object().into_iter().flatten();
        let answers = answers.filter_map(|(status, answer)| {
            let check = answer["content"]["application/json"].get("schema").map(schema)?;
            Some((status.parse().expect("a status"), check))
        });
        Self {
            id: operation["operationId"].as_str().expect("an id").to_owned(),
            method: method.to_owned(),
            path: Template { text: path.to_owned(), spans },
            in_path,
            in_query,
            content_type: content.map(|(kind, _)| kind.clone()),
            body: content.map(|(_, content)| schema(&content["schema"])),
            answers: answers.collect(),
        }
    }

    fn complaints(&self, sent: &Sent<'_>) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, value) in self.path.of(sent.path).expect("it is this operation's") {
            complaints.extend(errors(&name, &self.in_path[&name], &Value::String(decoded(&value))));
        }
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(sent.query.unwrap_or_default().as_bytes()).into_owned().collect();
        for (name, value) in &query {
            match self.in_query.get(name) {
                Some((_, check)) => complaints.extend(errors(name, check, &Value::String(value.clone()))),
                None => complaints.push(format!("it has no parameter {name}")),
            }
        }
        let missing = self.in_query.iter().filter(|(name, (required, _))| {
            let times = query.iter().filter(|(it, _)| it == *name).count();
            times > 1 || (*required && times == 0)
        });
        complaints.extend(missing.map(|(name, _)| format!("parameter {name} must be there once")));
        complaints.extend(self.complaints_of_body(sent));
        complaints
    }

    fn complaints_of_body(&self, sent: &Sent<'_>) -> Vec<String> {
        let (Some(kind), Some(check)) = (&self.content_type, &self.body) else {
            return if sent.body.is_empty() { Vec::new() } else { vec!["it has no body".to_owned()] };
        };
        let sent_as = sent.content_type.unwrap_or_default();
        if sent_as.split(';').next().map(str::trim) != Some(kind) {
            return vec![format!("its content-type is {kind}, not `{sent_as}`")];
        }
        let body = if kind == "application/json" {
            serde_json::from_slice(sent.body).unwrap_or(Value::Null)
        } else {
            url::form_urlencoded::parse(sent.body)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        errors("body", check, &body)
    }

    /// What is wrong with an answer of the double itself.
    pub fn complaints_of_answer(&self, status: u16, body: &Value) -> Vec<String> {
        self.answers.get(&status).map_or_else(Vec::new, |check| errors("answer", check, body))
    }
}

/// A path with names in braces. Its words are compared without regard to case, as Azure does.
struct Template {
    text: String,
    /// Whether what the first name stands for may have several segments.
    spans: bool,
}

impl Template {
    /// What the names stand for in this path, if it fits.
    fn of(&self, path: &str) -> Option<Vec<(String, String)>> {
        let wanted: Vec<&str> = self.text.split('/').skip(1).collect();
        let given: Vec<&str> = path.split('/').skip(1).collect();
        let more = given.len().checked_sub(wanted.len()).filter(|more| *more == 0 || self.spans)?;
        let first = given.get(..=more)?.join("/");
        let given = std::iter::once(first.as_str()).chain(given[more + 1..].iter().copied());
        let mut found = Vec::new();
        for (wanted, given) in wanted.iter().zip(given) {
            let Some((before, rest)) = wanted.split_once('{') else {
                wanted.eq_ignore_ascii_case(given).then_some(())?;
                continue;
            };
            let (name, after) = rest.split_once('}')?;
            let value = given.strip_prefix(before)?.strip_suffix(after).filter(|value| !value.is_empty())?;
            found.push((name.to_owned(), value.to_owned()));
        }
        Some(found)
    }
}

/// A schema, made ready when it is first needed: most stories need few of them.
struct Check {
    schema: Value,
    components: Arc<Value>,
    built: OnceLock<Validator>,
}

impl Check {
    fn validator(&self) -> &Validator {
        self.built.get_or_init(|| {
            let mut root = json!({ "allOf": [self.schema] });
            if self.schema.to_string().contains("$ref") {
                root["components"] = Value::clone(&self.components);
            }
            let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
            let built = options.should_validate_formats(true).build(&root);
            built.unwrap_or_else(|error| panic!("contract.json: {error}: {}", self.schema))
        })
    }
}

fn errors(what: &str, check: &Check, value: &Value) -> Vec<String> {
    let errors = check.validator().iter_errors(value);
    errors.map(|error| format!("{what}{}: {error}", error.instance_path())).collect()
}

/// OpenAPI 3.0 says `nullable` where JSON Schema has another type.
fn allow_null(part: &mut Value) {
    match part {
        Value::Object(members) => {
            if members.remove("nullable") == Some(Value::Bool(true))
                && let Some(kind) = members.get_mut("type")
            {
                *kind = json!([kind.clone(), "null"]);
            }
            members.values_mut().for_each(allow_null);
        }
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What stands in a path, without its percent encoding.
pub fn decoded(text: &str) -> String {
    let form = format!("it={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "/subscriptions/dfa2a084-766f-4003-8ae1-c4aeb893a99f/providers/Microsoft.Authorization/roleAssignmentScheduleRequests/fea7a502-9a96-4806-a26f-eee560e52045";

    fn assign() -> Value {
        json!({ "properties": {
            "principalId": "a3bb8764-cb92-4276-9d2a-ca1e895e55ea",
            "roleDefinitionId": "/subscriptions/dfa2a084-766f-4003-8ae1-c4aeb893a99f/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "requestType": "AdminAssign",
            "justification": "REQ-1",
            "scheduleInfo": { "expiration": { "type": "AfterDuration", "duration": "PT30M" } },
        }})
    }

    fn put(path: &str, query: &str, body: &Value) -> Result<String, String> {
        let body = body.to_string();
        let sent = Sent {
            method: "PUT",
            path,
            query: Some(query),
            content_type: Some("application/json"),
            body: body.as_bytes(),
        };
        CONTRACT.check(&sent).map(|operation| operation.id.clone())
    }

    fn get(path: &str, query: &str) -> Result<String, String> {
        let sent = Sent { method: "GET", path, query: Some(query), content_type: None, body: b"" };
        CONTRACT.check(&sent).map(|operation| operation.id.clone())
    }

    #[test]
    fn a_request_that_keeps_to_it_is_the_operation_it_is() {
        assert_eq!(put(REQUEST, "api-version=2020-10-01", &assign()).unwrap(), "armPut_sub");
        let here = "/subscriptions/dfa2a084-766f-4003-8ae1-c4aeb893a99f/resourcegroups/rg-1";
        let store = "/providers/Microsoft.Storage/storageAccounts/one";
        let auth = "/providers/microsoft.authorization/roleAssignmentScheduleInstances";
        let query = "api-version=2020-10-01&%24filter=principalId+eq+%27x%27";
        for (scope, id) in [
            (here.to_owned(), "armList_roleAssignmentScheduleInstances_rg"),
            (format!("{here}{store}"), "armList_roleAssignmentScheduleInstances_resource"),
            (
                "/providers/Microsoft.Management/managementGroups/mg".to_owned(),
                "armList_roleAssignmentScheduleInstances_mg",
            ),
        ] {
            assert_eq!(get(&format!("{scope}{auth}"), query).unwrap(), id);
        }
        assert_eq!(get("/v1.0/users", "$filter=mail eq 'o''hara@acme.example'").unwrap(), "graphUsers");
        assert_eq!(get("/v1.0/users/ada%23EXT%23@acme.example", "").unwrap(), "graphUser");
        let app = "/v1.0/servicePrincipals(appId='fea7a502-9a96-4806-a26f-eee560e52045')";
        assert_eq!(get(app, "").unwrap(), "graphApp");
    }

    #[test]
    fn what_breaks_it_is_refused_by_name() {
        let with = |path: &str, value: Value| {
            let mut body = assign();
            *body.pointer_mut(path).unwrap() = value;
            body
        };
        let mut endless = assign();
        endless["properties"]["scheduleInfo"]["expiration"] = json!({ "type": "NoExpiration" });
        let mut extra = assign();
        extra["properties"]["status"] = json!("Provisioned");
        let mut unfounded = assign();
        unfounded["properties"].as_object_mut().unwrap().remove("justification");
        let mut nobodys = assign();
        nobodys["properties"]["ticketInfo"] = json!({ "ticketNumber": null });
        for (query, body, words) in [
            ("api-version=2022-04-01", assign(), "api-version"),
            ("", assign(), "parameter api-version must be there once"),
            ("api-version=2020-10-01&x=1", assign(), "it has no parameter x"),
            ("api-version=2020-10-01", with("/properties/principalId", json!("ada")), "body"),
            ("api-version=2020-10-01", with("/properties/requestType", json!("SelfActivate")), "body"),
            ("api-version=2020-10-01", with("/properties/scheduleInfo/expiration/duration", json!("30m")), "body"),
            ("api-version=2020-10-01", with("/properties/roleDefinitionId", json!("Contributor")), "body"),
            ("api-version=2020-10-01", endless, "body"),
            ("api-version=2020-10-01", extra, "body"),
            ("api-version=2020-10-01", unfounded, "body"),
            ("api-version=2020-10-01", nobodys, "body"),
            ("api-version=2020-10-01", Value::Null, "body"),
        ] {
            let complaint = put(REQUEST, query, &body).unwrap_err();
            assert!(complaint.contains(words), "{complaint}");
        }
        let in_short = REQUEST.replace("fea7a502-9a96-4806-a26f-eee560e52045", "my-request");
        assert!(put(&in_short, "api-version=2020-10-01", &assign()).unwrap_err().contains("requestName"));
        assert!(put("/subscriptions", "", &assign()).unwrap_err().starts_with("no operation PUT /subscriptions"));
        assert!(get("/v1.0/users", "").unwrap_err().contains("$filter must be there once"));
        assert!(get("/v1.0/users", "$filter=mail eq 'o'hara'").unwrap_err().contains("$filter"));
        let as_form = Sent {
            method: "PUT",
            path: REQUEST,
            query: Some("api-version=2020-10-01"),
            content_type: None,
            body: b"{}",
        };
        assert!(CONTRACT.check(&as_form).err().unwrap().contains("its content-type is application/json"));
        let with_body = Sent { method: "POST", path: &format!("{REQUEST}/cancel"), body: b"{}", ..as_form };
        assert!(CONTRACT.check(&with_body).err().unwrap().contains("it has no body"));
    }

    #[test]
    fn answers_are_held_against_it_too() {
        let sent =
            Sent { method: "GET", path: REQUEST, query: Some("api-version=2020-10-01"), content_type: None, body: b"" };
        let operation = CONTRACT.check(&sent).unwrap();
        assert!(!operation.complaints_of_answer(200, &json!({ "id": "x" })).is_empty());
        assert!(operation.complaints_of_answer(404, &json!({ "error": { "code": "x", "message": "y" } })).is_empty());
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let ids: std::collections::BTreeSet<_> = CONTRACT.ids().into_iter().collect();
        assert_eq!(ids.len(), CONTRACT.ids().len());
    }
}
