//! What can be said to the API, a function each.

use std::time::Duration;

use secrecy::SecretString;

use super::{Client, Trouble, call::Ask};
use crate::api::{
    Console, Credentials, CredentialsAsk, EndAsk, ExtendAsk, Grant, GrantState, Heartbeat, HeartbeatAsk, Login,
    LoginAsk, LoginStatus, Proof, Request, RequestAsk, RequestState, Role, Whoami, WorkloadSession,
};

/// For how long a call waits for news at most. Proxies cut off what is silent for a minute.
pub const LONGEST_WAIT: Duration = Duration::from_secs(50);

impl Client {
    /// Asks for a code to be typed in Slack.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn begin_login(&self, ask: &LoginAsk) -> Result<Login, Trouble> {
        self.call(Ask::post("/v1/logins", ask, &self.fresh_key())?.anonymous()).await
    }

    /// How a login stands, as soon as there is news or `wait` is over.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn login(&self, login: &Login, wait: Duration) -> Result<LoginStatus, Trouble> {
        let token = SecretString::from(login.poll_token.expose().to_owned());
        let path = format!("/v1/logins/{}?wait={}", login.id, wait.as_secs());
        self.call(Ask::get(path).bearing(&token).waiting(wait)).await
    }

    /// Signs a pipeline in.
    ///
    /// # Errors
    /// When the proof does not hold, or it comes to nothing.
    pub async fn prove(&self, proof: &Proof) -> Result<WorkloadSession, Trouble> {
        self.call(Ask::post("/v1/workload-sessions", proof, &self.fresh_key())?.anonymous()).await
    }

    /// Revokes the session.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn logout(&self) -> Result<(), Trouble> {
        self.call_for_nothing(Ask::delete("/v1/session")).await
    }

    /// Whose session it is.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn whoami(&self) -> Result<Whoami, Trouble> {
        self.call(Ask::get("/v1/whoami")).await
    }

    /// What may be asked for.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn roles(&self) -> Result<Vec<Role>, Trouble> {
        self.call(Ask::get("/v1/roles")).await
    }

    /// Asks for a role; the same `key` asks once.
    ///
    /// # Errors
    /// When it is refused, or comes to nothing.
    pub async fn ask(&self, ask: &RequestAsk, key: &str) -> Result<Request, Trouble> {
        self.call(Ask::post("/v1/requests", ask, key)?).await
    }

    /// One's requests that wait.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn requests(&self) -> Result<Vec<Request>, Trouble> {
        self.call(Ask::get("/v1/requests")).await
    }

    /// How a request stands.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn request(&self, id: &str) -> Result<Request, Trouble> {
        self.call(Ask::get(format!("/v1/requests/{}", segment(id)))).await
    }

    /// How a request stands as soon as it is decided, or `wait` is over.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn decision(&self, id: &str, wait: Duration) -> Result<Request, Trouble> {
        let path =
            format!("/v1/requests/{}?wait={}&while={}", segment(id), wait.as_secs(), word(RequestState::Awaiting));
        self.call(Ask::get(path).waiting(wait)).await
    }

    /// Withdraws a request.
    ///
    /// # Errors
    /// When it is decided already, or it comes to nothing.
    pub async fn cancel(&self, id: &str) -> Result<Request, Trouble> {
        self.call(Ask::delete(format!("/v1/requests/{}", segment(id)))).await
    }

    /// One's grants that live.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn grants(&self) -> Result<Vec<Grant>, Trouble> {
        self.call(Ask::get("/v1/grants")).await
    }

    /// How a grant stands.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn grant(&self, id: &str) -> Result<Grant, Trouble> {
        self.call(Ask::get(format!("/v1/grants/{}", segment(id)))).await
    }

    /// How a grant stands as soon as it is none of `still`, or `wait` is over.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn grant_after(&self, id: &str, still: &[GrantState], wait: Duration) -> Result<Grant, Trouble> {
        let still = still.iter().map(word).collect::<Vec<_>>().join(",");
        let path = format!("/v1/grants/{}?wait={}&while={still}", segment(id), wait.as_secs());
        self.call(Ask::get(path).waiting(wait)).await
    }

    /// Asks for a later end.
    ///
    /// # Errors
    /// When it is refused, or comes to nothing.
    pub async fn extend(&self, id: &str, ask: &ExtendAsk) -> Result<Request, Trouble> {
        self.call(Ask::post(format!("/v1/grants/{}/extend", segment(id)), ask, &self.fresh_key())?).await
    }

    /// Gives a grant back.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn end(&self, id: &str) -> Result<Grant, Trouble> {
        self.call(Ask::post(format!("/v1/grants/{}/end", segment(id)), &EndAsk {}, &self.fresh_key())?).await
    }

    /// Says that whoever uses the grant is still there.
    ///
    /// # Errors
    /// When it comes to nothing.
    pub async fn heartbeat(&self, id: &str) -> Result<Heartbeat, Trouble> {
        let path = format!("/v1/grants/{}/heartbeat", segment(id));
        self.call(Ask::post(path, &HeartbeatAsk {}, &self.fresh_key())?).await
    }

    /// Claims credentials.
    ///
    /// # Errors
    /// When there are none, or it comes to nothing.
    pub async fn credentials(&self, id: &str, ask: &CredentialsAsk) -> Result<Credentials, Trouble> {
        self.call(Ask::post(format!("/v1/grants/{}/credentials", segment(id)), ask, &self.fresh_key())?).await
    }

    /// Claims a link that signs a browser in.
    ///
    /// # Errors
    /// When there is none, or it comes to nothing.
    pub async fn console(&self, id: &str, ask: &CredentialsAsk) -> Result<Console, Trouble> {
        self.call(Ask::post(format!("/v1/grants/{}/console", segment(id)), ask, &self.fresh_key())?).await
    }
}

/// What somebody typed, as one part of a path.
fn segment(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A state as the API writes it.
fn word(state: impl serde::Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}
