//! The double over the wire, as the SDK's transport brings requests to it.

use azure_core::http::{HttpClient, Method, Request, StatusCode, Url};
use jit::ambient::ManualClock;

use super::{
    contract::decoded,
    directory::{CLIENT_ID, CLIENT_SECRET, TENANT, guid},
    *,
};

/// A client that knows nothing of how to behave.
struct Client {
    azure: Azure,
    clock: ManualClock,
    http: Arc<dyn HttpClient>,
}

impl Client {
    async fn start() -> Self {
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap());
        let azure = Azure::start(Arc::new(clock.clone())).await;
        let http = azure.transport();
        Self { azure, clock, http }
    }

    async fn send(&self, method: Method, url: &str, body: Value) -> (u16, Value, Option<String>) {
        let url = Url::parse(url).unwrap();
        let token = self.token(url.host_str().unwrap());
        let mut request = Request::new(url, method);
        request.insert_header("authorization", token);
        if !body.is_null() {
            request.insert_header("content-type", "application/json");
            request.set_body(body.to_string());
        }
        self.deliver(request).await.unwrap()
    }

    fn token(&self, host: &str) -> String {
        let part = Part::at(host).unwrap();
        format!("Bearer {}", self.azure.token(part))
    }

    async fn deliver(&self, request: Request) -> Option<(u16, Value, Option<String>)> {
        let answer = self.http.execute_request(&request).await.ok()?;
        let answer = answer.try_into_raw_response().await.ok()?;
        let retry_after = answer.headers().get_optional_string(&"retry-after".into());
        let body = serde_json::from_slice(answer.body().as_ref()).unwrap_or_default();
        Some((u16::from(answer.status()), body, retry_after))
    }

    async fn get(&self, url: &str) -> Value {
        let (status, body, _) = self.send(Method::Get, url, Value::Null).await;
        assert_eq!(status, 200, "{url}: {body}");
        body
    }

    async fn put(&self, name: &str, kind: &str) -> (u16, Value) {
        let body = json!({ "properties": {
            "principalId": guid("requester"),
            "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{}", role("Contributor")),
            "requestType": kind,
            "justification": "REQ-1",
        }});
        let mut body = body;
        if kind != "AdminRemove" {
            body["properties"]["scheduleInfo"] =
                json!({ "expiration": { "type": "AfterDuration", "duration": "PT30M" } });
        }
        let (status, body, _) = self.send(Method::Put, &Self::request(name), body).await;
        (status, body)
    }

    fn request(name: &str) -> String {
        let id = guid(name);
        format!(
            "{ARM}{RESOURCE_GROUP}/providers/Microsoft.Authorization/roleAssignmentScheduleRequests/{id}?api-version=2020-10-01"
        )
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn rows(&self, first: &str, link: &str) -> Vec<Value> {
        let (mut rows, mut next) = (Vec::new(), Some(first.to_owned()));
        while let Some(url) = next {
            let page = self.get(&url).await;
            rows.extend(page["value"].as_array().unwrap().clone());
            next = page[link].as_str().map(str::to_owned);
        }
        rows
    }

    fn thing() -> Thing {
        Thing::resource(RESOURCE_GROUP, role("Contributor"))
    }
}

const ARM: &str = "https://management.azure.com";
const GRAPH: &str = "https://graph.microsoft.com/v1.0";

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_assignment_is_made_read_listed_page_by_page_and_removed() {
    let client = Client::start().await;
    let (status, made) = client.put("one", "AdminAssign").await;
    assert_eq!((status, &made["properties"]["status"]), (201, &json!("Provisioned")));
    assert!(made["properties"]["approvalId"].is_null() && made["properties"].get("approvalId").is_some());
    assert!(client.azure.has(&Client::thing(), "requester"));
    let again = client.get(&Client::request("one").replace("prod-EU", "PROD-eu")).await;
    assert_eq!(again["properties"]["status"], "Provisioned");
    let (_, body) = client.put("one", "AdminAssign").await;
    assert_eq!(code(&body), "RoleAssignmentRequestExists");

    client.pass(60);
    let list = format!(
        "{ARM}{RESOURCE_GROUP}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances?api-version=2020-10-01&$filter=principalId eq '{}'",
        guid("requester")
    );
    let rows = client.rows(&list, "nextLink").await;
    let kinds: Vec<_> = rows.iter().map(|row| row["properties"]["memberType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Inherited", "Inherited", "Direct", "Direct"]);
    assert_eq!(rows[2]["properties"]["scope"].as_str().unwrap().matches("storageaccounts").count(), 1, "below");
    assert_eq!(rows[3]["properties"]["principalId"], guid("requester").to_uppercase());
    assert_eq!(rows[3]["properties"]["endDateTime"], "2026-11-21T12:30:00Z");
    let all = client.rows(list.split("&$filter").next().unwrap(), "nextLink").await;
    let group = client.azure.group("everybody");
    client.azure.joins("requester", &group);
    client.azure.stands(&Client::thing(), "everybody");
    let me = guid("requester");
    let by_any_way = list.replace(&format!("principalId eq '{me}'"), &format!("assignedTo('{me}')"));
    assert_eq!(client.rows(&by_any_way, "nextLink").await.len(), rows.len() + 1, "by way of a group too");
    assert!(all.len() > rows.len());

    let (status, body) = client.put("two", "AdminRemove").await;
    assert_eq!((status, code(&body)), (400, "ActiveDurationTooShort"));
    client.pass(240);
    let (status, body) = client.put("three", "AdminRemove").await;
    assert_eq!((status, &body["properties"]["status"]), (201, &json!("Revoked")));
    assert!(!client.azure.has(&Client::thing(), "requester"));
    assert_eq!(client.rows(&list, "nextLink").await.len(), 4, "still listed");
    client.pass(240);
    assert_eq!(client.rows(&list, "nextLink").await.len(), 3);
    assert_eq!(client.azure.defects(), Vec::<String>::new());
}

#[tokio::test]
async fn roles_of_the_directory_and_groups_are_had_through_graph() {
    let client = Client::start().await;
    let group = client.azure.group("oncall");
    let admin = directory::ENTRA_ROLES[1].1;
    let schedule = json!({
        "startDateTime": "2026-11-21T12:00:00Z", "expiration": { "type": "afterDuration", "duration": "PT1H" },
    });
    let roles = format!("{GRAPH}/roleManagement/directory/roleAssignmentSchedule");
    let groups = format!("{GRAPH}/identityGovernance/privilegedAccess/group/assignmentSchedule");
    for (root, mine, thing) in [
        (&roles, json!({ "roleDefinitionId": admin, "directoryScopeId": "/" }), Thing::entra(admin, "/")),
        (&groups, json!({ "groupId": group, "accessId": "member" }), Thing::group(&group, "member")),
    ] {
        let mut body = mine.clone();
        body["principalId"] = guid("requester").to_uppercase().into();
        (body["action"], body["justification"]) = ("adminAssign".into(), "REQ-1".into());
        body["scheduleInfo"] = schedule.clone();
        let (status, made, _) = client.send(Method::Post, &format!("{root}Requests"), body.clone()).await;
        assert_eq!((status, &made["status"]), (201, &json!("Provisioned")), "{made}");
        assert!(client.azure.has(&thing, "requester"));
        let (status, refused, _) = client.send(Method::Post, &format!("{root}Requests"), body).await;
        assert_eq!((status, code(&refused)), (400, "RoleAssignmentExists"));
        assert!(refused["error"]["innerError"]["request-id"].is_string());
        let again = client.get(&format!("{root}Requests/{}", made["id"].as_str().unwrap())).await;
        assert_eq!(again["status"], "Provisioned");
        let filter = format!("$filter=principalId eq '{}'", guid("requester"));
        let requests = client.rows(&format!("{root}Requests?{filter}"), "@odata.nextLink").await;
        assert_eq!(requests.len(), 1);
        client.pass(34);
        let rows = client.rows(&format!("{root}Instances?{filter}"), "@odata.nextLink").await;
        let ends: Vec<_> = rows.iter().filter(|row| !row["endDateTime"].is_null()).collect();
        assert_eq!(ends.len(), 1, "{rows:?}");
    }
    assert_eq!(client.azure.defects(), Vec::<String>::new());
}

#[tokio::test]
async fn people_are_found_by_address_and_only_what_is_selected_is_told() {
    let client = Client::start().await;
    client.azure.add(directory::Principal::guest("o'hara"));
    let select = "$select=id,userPrincipalName,mail,accountEnabled";
    let found = client.get(&format!("{GRAPH}/users?$filter=mail eq 'REQUESTER@acme.example'&{select}")).await;
    assert_eq!(
        found["value"],
        json!([{
            "id": guid("requester"), "userPrincipalName": "requester@acme.example", "mail": "requester@acme.example",
            "accountEnabled": true,
        }])
    );
    let guest = client.get(&format!("{GRAPH}/users?$filter=mail eq 'o''hara@acme.example'")).await;
    assert!(guest["value"][0]["userPrincipalName"].as_str().unwrap().contains("#EXT#"));
    assert!(guest["value"][0].get("accountEnabled").is_none(), "nobody asked");
    let by_id = client.get(&format!("{GRAPH}/users/{}?{select}", guid("lead").to_uppercase())).await;
    assert_eq!(by_id["mail"], "lead@acme.example");
    let (status, body, _) = client.send(Method::Get, &format!("{GRAPH}/users/nobody@acme.example"), Value::Null).await;
    assert_eq!((status, code(&body)), (404, "Request_ResourceNotFound"));
    assert_eq!(decoded("a%23b+c"), "a#b+c");
}

#[tokio::test]
async fn tokens_are_for_one_part_of_azure_and_cost_the_right_secret() {
    let client = Client::start().await;
    let ask = async |tenant: &str, secret: &str, host: &str| {
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let mut request = Request::new(Url::parse(&url).unwrap(), Method::Post);
        request.insert_header("content-type", "application/x-www-form-urlencoded");
        let form = [("client_id", CLIENT_ID), ("client_secret", secret), ("grant_type", "client_credentials")];
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form).append_pair("scope", &format!("https://{host}/.default"));
        request.set_body(body.finish());
        client.deliver(request).await.unwrap()
    };
    let (status, token, _) = ask(TENANT, CLIENT_SECRET, "graph.microsoft.com").await;
    assert_eq!(status, 200);
    assert!(token["access_token"].as_str().unwrap().starts_with(TOKENS), "{token}");
    let (status, refused, _) = ask(TENANT, "guessed", "graph.microsoft.com").await;
    assert_eq!(status, 401);
    let words = refused["error_description"].as_str().unwrap();
    assert!(words.starts_with("AADSTS7000215: ") && words.contains("\r\n"), "{words}");
    assert_eq!(ask("other", CLIENT_SECRET, "graph.microsoft.com").await.1["error_codes"], json!([90_002]));
    client.azure.fail("Token", 1, Fault::EXPIRED_SECRET);
    assert_eq!(ask(TENANT, CLIENT_SECRET, "management.azure.com").await.1["error_codes"], json!([7_000_222]));
    assert_eq!(client.azure.defects(), Vec::<String>::new());

    let url = format!("{GRAPH}/users/{}", guid("lead"));
    let mut request = Request::new(Url::parse(&url).unwrap(), Method::Get);
    request.insert_header("authorization", client.token("management.azure.com"));
    assert_eq!(client.deliver(request).await.unwrap().0, 401);
    assert!(client.azure.defects()[0].contains("came with no token for it"));
}

#[tokio::test]
async fn what_no_client_may_do_is_refused_and_remembered() {
    let client = Client::start().await;
    let (status, ..) = client.send(Method::Get, &format!("{ARM}/subscriptions"), Value::Null).await;
    assert_eq!(status, 404);
    let (status, ..) = client.send(Method::Delete, &Client::request("one"), Value::Null).await;
    assert_eq!(status, 404);
    let (status, ..) = client.send(Method::Put, &Client::request("one"), json!({ "properties": {} })).await;
    assert_eq!(status, 400);
    let elsewhere = format!("{ARM}/v1.0/users/{}", guid("lead"));
    let (status, ..) = client.send(Method::Get, &elsewhere, Value::Null).await;
    assert_eq!(status, 404);
    let abroad = Request::new(Url::parse("https://evil.example/v1.0/users").unwrap(), Method::Get);
    assert!(client.deliver(abroad).await.is_none());
    let plain = Request::new(Url::parse("http://graph.microsoft.com/v1.0/users").unwrap(), Method::Get);
    assert!(client.deliver(plain).await.is_none());
    assert_eq!(client.azure.defects().len(), 6, "{:#?}", client.azure.defects());
    assert_eq!(client.azure.actions(), Vec::<String>::new());
}

#[tokio::test]
async fn faults_come_before_or_after_the_work() {
    let client = Client::start().await;
    client.azure.fail("AdminAssign", 1, Fault::Throttled(17));
    let request = Client::request("one");
    let body = json!({ "properties": {
        "principalId": guid("requester"), "requestType": "AdminAssign", "justification": "REQ-1",
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{}", role("Contributor")),
        "scheduleInfo": { "expiration": { "type": "AfterDuration", "duration": "PT30M" } },
    }});
    let (status, _, retry_after) = client.send(Method::Put, &request, body).await;
    assert_eq!((status, retry_after.as_deref()), (429, Some("17")));
    client.azure.fail("AdminAssign", 1, Fault::FailBefore);
    assert_eq!(client.put("one", "AdminAssign").await.0, 500);
    assert!(!client.azure.has(&Client::thing(), "requester"));
    client.azure.fail("AdminAssign", 1, Fault::FailAfter);
    assert_eq!(client.put("one", "AdminAssign").await.0, 500);
    assert!(client.azure.has(&Client::thing(), "requester"));
    client.azure.fail("GetRequest", 1, Fault::DropAfter);
    let mut get = Request::new(Url::parse(&request).unwrap(), Method::Get);
    get.insert_header("authorization", client.token("management.azure.com"));
    assert!(client.deliver(get.clone()).await.is_none());
    client.azure.fail("GetRequest", 1, Fault::FORBIDDEN);
    let (status, body, _) = client.deliver(get).await.unwrap();
    assert_eq!((status, code(&body)), (403, "AuthorizationFailed"));
    assert_eq!(StatusCode::from(status), StatusCode::Forbidden);
    assert_eq!(client.azure.defects(), Vec::<String>::new());
}

#[tokio::test]
async fn behind_tls_it_answers_only_those_who_trust_its_certificate() {
    let mut client = Client::start().await;
    let dir = tempfile::TempDir::new().unwrap();
    let ca = dir.path().join("ca.pem");
    let url = client.azure.behind_tls(&ca).await;
    let asks = |http: reqwest::Client| {
        let url = url.join(&format!("/v1.0/users/{}", guid("lead"))).unwrap();
        http.get(url).header("authorization", client.token("graph.microsoft.com")).send()
    };
    assert!(asks(reqwest::Client::builder().no_proxy().build().unwrap()).await.is_err());
    let certificate = reqwest::Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
    let trusting = reqwest::Client::builder().no_proxy().add_root_certificate(certificate).build().unwrap();
    let answer: Value = asks(trusting).await.unwrap().json().await.unwrap();
    assert_eq!(answer["mail"], "lead@acme.example");
}

#[tokio::test]
async fn what_the_tenant_demands_can_be_read() {
    let client = Client::start().await;
    let strict = Policy { most: SignedDuration::from_hours(1), mfa: true, ticket: true, justification: false };
    client.azure.demands(&Client::thing(), strict);
    let url = format!(
        "{ARM}{RESOURCE_GROUP}/providers/Microsoft.Authorization/roleManagementPolicyAssignments?api-version=2020-10-01&$filter=roleDefinitionId eq '{}'",
        role("Contributor")
    );
    let rows = client.rows(&url, "nextLink").await;
    let rules = rows.iter().find(|row| row["name"].as_str().unwrap().ends_with(role("Contributor"))).unwrap();
    let rule = |id: &str| {
        let rules = rules["properties"]["effectiveRules"].as_array().unwrap();
        rules.iter().find(|rule| rule["id"] == id).unwrap().clone()
    };
    assert_eq!(rule("Expiration_Admin_Assignment")["maximumDuration"], "PT60M");
    assert_eq!(rule("Enablement_Admin_Assignment")["enabledRules"], json!(["MultiFactorAuthentication", "Ticketing"]));
    let admin = directory::ENTRA_ROLES[1].1;
    client.azure.demands(&Thing::entra(admin, "/"), strict);
    let filter = format!("$filter=scopeId eq '/' and scopeType eq 'DirectoryRole' and roleDefinitionId eq '{admin}'");
    let rows = client
        .rows(
            &format!("{GRAPH}/policies/roleManagementPolicyAssignments?{filter}&$expand=policy($expand=rules)"),
            "@odata.nextLink",
        )
        .await;
    assert_eq!(rows[0]["policy"]["rules"][1]["maximumDuration"], "PT60M");
    assert_eq!(client.azure.defects(), Vec::<String>::new());
}
