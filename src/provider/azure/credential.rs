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
                WorkloadIdentityCredential::new(Some(options)).map_err(unusable)?
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
fn unusable(error: azure_core::Error) -> SetUpError {
    SetUpError(error.to_string())
}
