//! As whom the real program signs in to Azure: with a secret, a certificate, somebody else's word, as the machine it runs
//! on, or as whoever is signed in with `az`. And what it says when that fails.

use axum::{Json, Router, extract::Query, http::HeaderMap, routing::get};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    azure_process::Story,
    harness::azure::{Part, Trust, directory::CLIENT_SECRET},
};

const SECRET: &str = "credential = \"client-secret\"";
const SECRET_LINE: &str = "client_secret = { env = \"AZURE_CLIENT_SECRET\" }\n";

/// A story in which the bot signs in in another way.
async fn signing_in_by(credential: &str) -> Story {
    let story = Story::prepare().await;
    story.jit.edit_config(|config| {
        assert!(config.contains(SECRET) && config.contains(SECRET_LINE));
        config.replace(SECRET, credential).replace(SECRET_LINE, "")
    });
    story
}

/// `jit check --live` is content, which takes tokens for both parts of Azure.
async fn is_let_in(story: &Story) {
    let (is_content, text) = story.checks().await;
    assert!(is_content, "{text}");
    assert!(story.azure.asked("ListPolicies") > 0 && story.azure.asked("FindUser") > 0, "{text}");
    story.is_clean();
}

/// It is not, for this reason, and no secret is shown.
async fn is_kept_out(story: &Story, words: &str) {
    let (is_content, text) = story.checks().await;
    assert!(!is_content || text.contains("not known"), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(!text.contains(CLIENT_SECRET), "{text}");
    assert_eq!(story.azure.asked("ListPolicies"), 0);
}

/// A key with its certificate in a PKCS#12 file, opened by `password`; and what the app registration is told of it.
fn certificate(password: &str) -> (Vec<u8>, Trust) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let mut store = KeyStore::new();
    let chain = PrivateKeyChain::new(
        b"jit".as_slice(),
        PrivateKey::from_der(&key.serialize_der()).unwrap(),
        [Certificate::from_der(certificate.der()).unwrap()],
    );
    store.add_entry("jit", KeyStoreEntry::PrivateKeyChain(chain));
    let thumbprint = aws_smithy_types::base64::encode(Sha256::digest(certificate.der()));
    let thumbprint = thumbprint.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    (store.writer(password).write().unwrap(), Trust::Key { pem: key.public_key_pem(), thumbprint })
}

#[tokio::test]
async fn a_certificate_signs_for_the_app() {
    let with_file = "credential = \"client-certificate\"\nclient_certificate = { file = \"jit.p12\" }\n\
                     client_certificate_password = { env = \"JIT_CERTIFICATE_PASSWORD\" }";
    let mut story = signing_in_by(with_file).await;
    story.jit.sets("JIT_CERTIFICATE_PASSWORD", "opens-the-file");
    let (file, trust) = certificate("opens-the-file");
    std::fs::write(story.jit.dir.path().join("jit.p12"), file).unwrap();
    let (_, of_another) = certificate("x");
    story.azure.trusts(of_another);
    is_kept_out(&story, "AADSTS700027").await;
    story.azure.trusts(trust);
    is_let_in(&story).await;

    story.jit.sets("JIT_CERTIFICATE_PASSWORD", "opens-nothing");
    let (is_content, text) = story.checks().await;
    assert!(!is_content && text.contains("client_certificate_password is wrong"), "{text}");
    assert!(!text.contains("opens-nothing"), "{text}");
}

#[tokio::test]
async fn a_workload_is_let_in_on_somebody_elses_word() {
    let mut story = signing_in_by("credential = \"workload-identity\"").await;
    let file = story.jit.dir.path().join("federated-token");
    std::fs::write(&file, "a-token-of-the-cluster").unwrap();
    story.jit.sets("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    story.azure.trusts(Trust::Text("a-token-of-another-cluster".to_owned()));
    is_kept_out(&story, "AADSTS700027").await;
    story.azure.trusts(Trust::Text("a-token-of-the-cluster".to_owned()));
    is_let_in(&story).await;
}

#[tokio::test]
async fn a_workload_without_its_file_says_what_is_missing() {
    let story = signing_in_by("credential = \"workload-identity\"").await;
    let (is_content, text) = story.checks().await;
    assert!(!is_content && text.contains("AZURE_FEDERATED_TOKEN_FILE"), "{text}");
}

/// As App Service has it: an address and a word in the environment.
#[tokio::test]
async fn a_machine_has_an_identity_of_its_own() {
    let mut story = signing_in_by("credential = \"managed-identity\"").await;
    let tokens = [Part::Arm, Part::Graph].map(|part| story.azure.token(part));
    let answer = move |headers: HeaderMap, Query(query): Query<Vec<(String, String)>>| {
        assert_eq!(headers["x-identity-header"], "a-word-of-the-machine");
        let resource = query.iter().find(|(name, _)| name == "resource").expect("a resource").1.clone();
        let token = &tokens[usize::from(resource.contains("graph"))];
        let answer = json!({
            "access_token": token, "expires_on": "4102444800", "resource": resource, "token_type": "Bearer",
        });
        async move { Json::<Value>(answer) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let app = Router::new().route("/msi/token", get(answer));
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    story.jit.sets("IDENTITY_ENDPOINT", &endpoint);
    story.jit.sets("IDENTITY_HEADER", "a-word-of-the-machine");
    is_let_in(&story).await;
    assert_eq!(story.azure.asked("Token"), 0);
    server.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_is_signed_in_with_az_is_who_the_bot_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut story = signing_in_by("credential = \"azure-cli\"").await;
    let [arm, graph] = [Part::Arm, Part::Graph].map(|part| story.azure.token(part));
    let folder = story.jit.dir.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let answer = |token: &str| json!({ "accessToken": token, "expires_on": 4_102_444_800_u64, "tokenType": "Bearer" });
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n  *graph*) echo '{}' ;;\n  *) echo '{}' ;;\nesac\n",
        answer(&graph),
        answer(&arm)
    );
    let az = folder.join("az");
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    story.jit.sets("PATH", &format!("{}:{path}", folder.display()));
    is_let_in(&story).await;

    std::fs::write(&az, "#!/bin/sh\necho 'Please run az login to setup account.' >&2\nexit 1\n").unwrap();
    let (_, text) = story.checks().await;
    assert!(text.contains("az login"), "{text}");
}
