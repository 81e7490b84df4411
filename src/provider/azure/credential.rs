//! Who the bot is in Azure.
//!
//! Client secret, workload identity, managed identity and the Azure CLI are the SDK's. Its certificate credential would
//! bring OpenSSL along, so the certificate signs an assertion here, which the SDK then exchanges for tokens.

use std::{path::PathBuf, sync::Arc};

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Url},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{SetUpError, certificate::Certificate, client::options, wire::Counted};
use crate::ambient::{Clock, Entropy};

/// How the bot signs in.
#[derive(Debug, Clone)]
pub enum Identity {
    /// With the secret of an app registration.
    ClientSecret {
        /// The app's id.
        client_id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// With the certificate of an app registration.
    ClientCertificate {
        /// The app's id.
        client_id: String,
        /// A PKCS#12 file.
        file: PathBuf,
        /// What opens the file.
        password: Option<SecretString>,
    },
    /// With a token that somebody else has signed, which the app registration trusts.
    WorkloadIdentity {
        /// The app's id, when the environment does not say it.
        client_id: Option<String>,
    },
    /// As the machine it runs on.
    ManagedIdentity {
        /// Which identity, when the machine has several.
        client_id: Option<String>,
    },
    /// As whoever is signed in with `az`.
    AzureCli,
}

/// Where and as whom tokens are asked for.
pub(super) struct SignIn<'a> {
    pub tenant: &'a str,
    pub authority: &'a Url,
    pub wire: &'a Counted,
    pub clock: &'a Arc<dyn Clock>,
    pub entropy: &'a Arc<dyn Entropy>,
}

impl SignIn<'_> {
    /// Sets the credential up. Nothing is asked for yet.
    pub fn with(&self, identity: &Identity) -> Result<Arc<dyn TokenCredential>, SetUpError> {
        let tenant = self.tenant;
        Ok(match identity {
            Identity::ClientSecret { client_id, secret } => {
                let options = ClientSecretCredentialOptions { client_options: self.options() };
                let secret = Secret::new(secret.expose_secret().to_owned());
                ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options)).map_err(unusable)?
            }
            Identity::ClientCertificate { client_id, file, password } => {
                let endpoint = self.endpoint()?;
                let certificate = Certificate::read(file, password.as_ref())?;
                let assertion = certificate.assertion(client_id, endpoint, self.clock.clone(), self.entropy.clone());
                let options = ClientAssertionCredentialOptions { client_options: self.options() };
                ClientAssertionCredential::new(tenant.to_owned(), client_id.clone(), assertion, Some(options))
                    .map_err(unusable)?
            }
            Identity::WorkloadIdentity { client_id } => {
                let credential_options = ClientAssertionCredentialOptions { client_options: self.options() };
                let options = WorkloadIdentityCredentialOptions {
                    client_id: client_id.clone(),
                    tenant_id: Some(tenant.to_owned()),
                    credential_options,
                    ..WorkloadIdentityCredentialOptions::default()
                };
                WorkloadIdentityCredential::new(Some(options)).map_err(|error| {
                    SetUpError(format!("{error}: workload-identity wants AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE in the environment"))
                })?
            }
            Identity::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    client_options: self.options(),
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                };
                ManagedIdentityCredential::new(Some(options)).map_err(unusable)?
            }
            Identity::AzureCli => {
                let options = AzureCliCredentialOptions {
                    tenant_id: Some(tenant.to_owned()),
                    ..AzureCliCredentialOptions::default()
                };
                AzureCliCredential::new(Some(options)).map_err(unusable)?
            }
        })
    }

    fn options(&self) -> ClientOptions {
        let mut custom = CustomConfiguration::default();
        self.authority.as_str().trim_end_matches('/').clone_into(&mut custom.authority_host);
        ClientOptions { cloud: Some(Arc::new(CloudConfiguration::Custom(custom))), ..options(self.wire) }
    }

    fn endpoint(&self) -> Result<Url, SetUpError> {
        self.authority
            .join(&format!("/{}/oauth2/v2.0/token", self.tenant))
            .map_err(|_| SetUpError("tenant_id of [azure] cannot be part of an address".to_owned()))
    }
}

/// The SDK's words name what is missing, such as a variable; there is no secret in them.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn unusable(error: azure_core::Error) -> SetUpError {
    SetUpError(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, headers::Headers};

    use super::{super::certificate::tests::made, *};
    use crate::ambient::{ManualClock, SeededEntropy};

    /// Keeps what the token endpoint is asked, and gives a token for it.
    #[derive(Debug, Default)]
    struct Endpoint(Mutex<Vec<(String, String)>>);

    #[async_trait::async_trait]
    impl HttpClient for Endpoint {
        async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
            let Body::Bytes(body) = request.body() else { panic!("a stream") };
            let asked = (request.url().to_string(), String::from_utf8(body.to_vec()).unwrap());
            self.0.lock().unwrap().push(asked);
            let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"fake"}"#;
            Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), token))
        }
    }

    /// What is asked for a token.
    async fn asks(identity: &Identity) -> (String, String) {
        let endpoint = Arc::new(Endpoint::default());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap()));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let authority: Url = "https://login.example.com/".parse().unwrap();
        let wire = Counted(endpoint.clone());
        let sign_in = SignIn { tenant: "tenant", authority: &authority, wire: &wire, clock: &clock, entropy: &entropy };
        let credential = sign_in.with(identity).unwrap();
        credential.get_token(&["https://graph.microsoft.com/.default"], None).await.unwrap();
        let mut asked = endpoint.0.lock().unwrap();
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }

    #[tokio::test]
    async fn tokens_are_asked_for_where_and_as_the_configuration_says() {
        let secret = Identity::ClientSecret { client_id: "app".into(), secret: "s3cret".to_owned().into() };
        let (url, form) = asks(&secret).await;
        assert_eq!(url, "https://login.example.com/tenant/oauth2/v2.0/token");
        assert!(form.contains("client_id=app") && form.contains("client_secret=s3cret"), "{form}");
        assert!(!format!("{secret:?}").contains("s3cret"));

        let folder = tempfile::tempdir().unwrap();
        let (file, ..) = made(folder.path(), &rcgen::PKCS_RSA_SHA256);
        let password = Some("open sesame".to_owned().into());
        let (url, form) = asks(&Identity::ClientCertificate { client_id: "app".into(), file, password }).await;
        assert_eq!(url, "https://login.example.com/tenant/oauth2/v2.0/token");
        assert!(form.contains("client_assertion=eyJ") && form.contains("jwt-bearer"), "{form}");
        assert!(!form.contains("client_secret"), "{form}");
    }
}
