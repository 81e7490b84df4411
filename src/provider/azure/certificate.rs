//! A certificate that the bot signs in with: read from its PKCS#12 file, and an assertion signed by it whenever a token is
//! asked for. Source: Microsoft identity platform, "application authentication certificate credentials".

use std::{fmt, path::Path, sync::Arc};

use azure_core::http::{ClientMethodOptions, Url};
use azure_identity::ClientAssertion;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::SetUpError;
use crate::ambient::{Clock, Entropy};

/// An assertion is used at once.
const ASSERTION_LASTS: SignedDuration = SignedDuration::from_mins(5);
/// So much this machine's clock may be ahead of Entra's.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A private key, and what the app registration knows it by.
pub(super) struct Certificate {
    key: EncodingKey,
    thumbprint: String,
}

impl Certificate {
    /// Reads it from a PKCS#12 file.
    pub fn read(file: &Path, password: Option<&SecretString>) -> Result<Self, SetUpError> {
        let shown = file.display();
        let bytes = std::fs::read(file).map_err(|error| SetUpError(format!("{shown} cannot be read: {error}")))?;
        let password = password.map_or("", |password| password.expose_secret());
        let store = KeyStore::from_pkcs12(&bytes, password, Pkcs12ImportPolicy::Relaxed).map_err(|_| {
            SetUpError(format!(
                "{shown} cannot be opened: it is not a PKCS#12 file, or client_certificate_password is wrong"
            ))
        })?;
        let (_, chain) = store
            .private_key_chain()
            .ok_or_else(|| SetUpError(format!("{shown} has no private key in it, which the bot signs in with")))?;
        let certificate = chain
            .certs()
            .first()
            .ok_or_else(|| SetUpError(format!("{shown} has no certificate for its private key")))?;
        let key = EncodingKey::from_rsa_pem(pem(chain.key().as_der()).as_bytes()).map_err(|_| {
            SetUpError(format!("{shown} has a key of a kind that Entra does not take: make an RSA key"))
        })?;
        Ok(Self { key, thumbprint: url_safe(&Sha256::digest(certificate.as_der())) })
    }

    /// What signs an assertion each time one is asked for.
    pub fn assertion(
        self,
        client_id: &str,
        audience: Url,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Assertion {
        Assertion { certificate: self, client_id: client_id.to_owned(), audience, clock, entropy }
    }
}

/// Signs for the app that the bot is that app.
pub(super) struct Assertion {
    certificate: Certificate,
    client_id: String,
    audience: Url,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl Assertion {
    fn sign(&self) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        let claims = Claims {
            aud: self.audience.as_str(),
            iss: &self.client_id,
            sub: &self.client_id,
            jti: hex::encode(id),
            nbf: (now - SKEW).as_second(),
            iat: now.as_second(),
            exp: (now + ASSERTION_LASTS).as_second(),
        };
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.certificate.thumbprint.clone());
        jsonwebtoken::encode(&header, &claims, &self.certificate.key)
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign().map_err(|_| {
            let words = "the certificate's key does not sign";
            azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, words)
        })
    }
}

fn pem(der: &[u8]) -> String {
    let text = aws_smithy_types::base64::encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

fn url_safe(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use p12_keystore::{KeyStoreEntry, PrivateKey, PrivateKeyChain};

    use super::*;
    use crate::ambient::{ManualClock, SeededEntropy};

    /// A PKCS#12 file with a key and its certificate, the certificate, and the key's public part.
    pub fn made(folder: &Path, algorithm: &'static rcgen::SignatureAlgorithm) -> (std::path::PathBuf, Vec<u8>, String) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::new(["jit".to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = certificate.der().to_vec();
        let private = PrivateKey::from_der(key.serialized_der()).unwrap();
        let chain = PrivateKeyChain::new("jit", private, [p12_keystore::Certificate::from_der(&der).unwrap()]);
        let mut store = KeyStore::new();
        store.add_entry("jit", KeyStoreEntry::PrivateKeyChain(chain));
        let file = folder.join("jit.p12");
        std::fs::write(&file, store.writer("open sesame").write().unwrap()).unwrap();
        (file, der, key.public_key_pem())
    }

    fn read(file: &Path, password: &str) -> Result<Certificate, SetUpError> {
        Certificate::read(file, Some(&password.to_owned().into()))
    }

    #[tokio::test]
    async fn an_assertion_says_who_the_app_is_and_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, der, public) = made(folder.path(), &rcgen::PKCS_RSA_SHA256);
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap());
        let endpoint: Url = "https://login.microsoftonline.com/t/oauth2/v2.0/token".parse().unwrap();
        let assertion = read(&file, "open sesame").unwrap().assertion(
            "app",
            endpoint.clone(),
            Arc::new(clock),
            Arc::new(SeededEntropy::new(1)),
        );
        let token = assertion.secret(None).await.unwrap();
        let mut validation = Validation::new(Algorithm::PS256);
        validation.set_audience(&[endpoint.as_str()]);
        validation.validate_exp = false;
        let key = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
        let read = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
        assert_eq!(read.header.x5t_s256.unwrap(), url_safe(&Sha256::digest(&der)));
        assert_eq!((&read.claims["iss"], &read.claims["sub"]), (&"app".into(), &"app".into()));
        assert_eq!(read.claims["exp"].as_i64().unwrap() - read.claims["iat"].as_i64().unwrap(), 300);
        assert_ne!(token, assertion.secret(None).await.unwrap(), "each has an id of its own");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_without_what_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, ..) = made(folder.path(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let said = |result: Result<Certificate, SetUpError>| result.err().unwrap().to_string();
        assert!(said(read(&file, "open sesame")).ends_with("make an RSA key"));
        let wrong = said(read(&file, "guessed"));
        assert!(wrong.contains("client_certificate_password is wrong") && !wrong.contains("guessed"), "{wrong}");
        assert!(said(read(&folder.path().join("gone.p12"), "")).contains("cannot be read"));
    }
}
