//! Requests and the reviews they get.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{changed_one, from_json, id, json, micros, moment, unknown},
};
use crate::domain::{
    ids::{Code, GrantId, RequestId, RoleName, UserId},
    principal::Principal,
    request::{Request, RequestState, ResolvedTargets},
};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    code: String,
    requester: String,
    role: String,
    reason: String,
    asked_at: i64,
    decide_by: i64,
    verdict: String,
    state: String,
    closed_at: Option<i64>,
    closed_by: Option<String>,
    targets: Option<String>,
    extends: Option<String>,
    plan: Option<String>,
    origin: Option<String>,
}

impl Tx {
    /// Keeps a new request under the shortest code that no other one has, its own or a longer one, and answers with it.
    ///
    /// # Errors
    /// When the store fails, or every code the id can give is taken.
    pub async fn insert_request(&mut self, mut request: Request) -> Result<Request, StoreError> {
        for length in Code::SHORTEST..=Code::LONGEST {
            request.code = Code::of(request.id.0, length);
            if self.try_insert_request(&request).await? {
                return Ok(request);
            }
        }
        Err(StoreError::Changed { what: "the codes of request", key: request.id.to_string() })
    }

    async fn try_insert_request(&mut self, request: &Request) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "insert into request (id, code, requester, role, reason, asked_at, decide_by, verdict, extends, plan, origin,
                                  state)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'awaiting') on conflict (code) do nothing",
        )
        .bind(request.id.to_string())
        .bind(request.code.as_str())
        .bind(request.requester.to_string())
        .bind(request.role.as_str())
        .bind(&request.reason)
        .bind(micros(request.asked_at))
        .bind(micros(request.decide_by))
        .bind(json("request", &request.verdict)?)
        .bind(request.extends.map(|grant| grant.to_string()))
        .bind(request.plan.as_ref().map(|plan| json("request", plan)).transpose()?)
        .bind(request.origin.as_ref().map(|origin| json("request", origin)).transpose()?)
        .execute(&mut *self.conn)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The request with this id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn load_request(&mut self, request: RequestId) -> Result<Request, StoreError> {
        self.lookup_request(request)
            .await?
            .ok_or_else(|| StoreError::Missing { what: "request", key: request.to_string() })
    }

    /// The request with this id, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_request(&mut self, request: RequestId) -> Result<Option<Request>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from request where id = $1")
            .bind(request.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The request with this short name, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_request_by_code(&mut self, code: &Code) -> Result<Option<Request>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from request where code = $1")
            .bind(code.as_str())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// What this person or pipeline has asked for that awaits a decision, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn awaiting_requests_of(&mut self, who: &Principal) -> Result<Vec<Request>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("select * from request where requester = $1 and state = 'awaiting' order by asked_at")
                .bind(who.to_string())
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The requests for a later end of this grant that await a decision.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn awaiting_extensions_of(&mut self, grant: GrantId) -> Result<Vec<Request>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("select * from request where extends = $1 and state = 'awaiting' order by asked_at")
                .bind(grant.to_string())
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// How many requests of this principal can be decided on at `now`, and how many they have made since `since`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_requests(
        &mut self,
        principal: &Principal,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<(u32, u32), StoreError> {
        let (awaiting, made): (i64, i64) = sqlx::query_as(
            "select count(*) filter (where state = 'awaiting' and decide_by > $2),
                    count(*) filter (where asked_at > $3) from request where requester = $1",
        )
        .bind(principal.to_string())
        .bind(micros(now))
        .bind(micros(since))
        .fetch_one(&mut *self.conn)
        .await?;
        let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
        Ok((count(awaiting), count(made)))
    }

    /// Moves an awaiting request to the state it was decided to be in.
    ///
    /// # Errors
    /// When it is not awaiting any more, or the store fails.
    pub async fn close_request(&mut self, request: RequestId, state: &RequestState) -> Result<(), StoreError> {
        let (at, by) = match state {
            RequestState::Awaiting => (None, None),
            RequestState::Approved { at, grant } => (Some(micros(*at)), Some(grant.to_string())),
            RequestState::Denied { at, by } => (Some(micros(*at)), Some(json("request", by)?)),
            RequestState::Cancelled { at } | RequestState::Lapsed { at } => (Some(micros(*at)), None),
        };
        let done = sqlx::query(
            "update request set state = $2, closed_at = $3, closed_by = $4 where id = $1 and state = 'awaiting'",
        )
        .bind(request.to_string())
        .bind(state.name())
        .bind(at)
        .bind(by)
        .execute(&mut *self.conn)
        .await?;
        changed_one(done.rows_affected(), "request", request)
    }

    /// Notes what an awaiting request would open.
    ///
    /// # Errors
    /// When it is not awaiting any more, or the store fails.
    pub async fn resolve_request(&mut self, request: RequestId, targets: &ResolvedTargets) -> Result<(), StoreError> {
        let done = sqlx::query("update request set targets = $2 where id = $1 and state = 'awaiting'")
            .bind(request.to_string())
            .bind(json("request", targets)?)
            .execute(&mut *self.conn)
            .await?;
        changed_one(done.rows_affected(), "request", request)
    }

    /// Keeps a review; a second one by the same person is not taken and answers `false`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_review(
        &mut self,
        request: RequestId,
        reviewer: &UserId,
        approves: bool,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "insert into review (request_id, reviewer, approves, at) values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(request.to_string())
        .bind(reviewer.as_str())
        .bind(i64::from(approves))
        .bind(micros(at))
        .execute(&mut *self.conn)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets somebody who approved change their mind and deny.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replace_review_by_denial(
        &mut self,
        request: RequestId,
        reviewer: &UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into review (request_id, reviewer, approves, at) values ($1, $2, 0, $3)
             on conflict (request_id, reviewer) do update set approves = 0, at = excluded.at",
        )
        .bind(request.to_string())
        .bind(reviewer.as_str())
        .bind(micros(at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Everybody who approved the request.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn approvals_of(&mut self, request: RequestId) -> Result<BTreeSet<UserId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("select reviewer from review where request_id = $1 and approves = 1")
            .bind(request.to_string())
            .fetch_all(&mut *self.conn)
            .await?;
        Ok(rows.into_iter().map(|(reviewer,)| UserId(reviewer)).collect())
    }
}

impl Row {
    fn read(self) -> Result<Request, StoreError> {
        let state = self.state()?;
        Ok(Request {
            id: id("request", &self.id)?,
            code: Code::parse(&self.code).ok_or_else(|| StoreError::corrupt("request", &self.code))?,
            requester: self.requester.into(),
            role: RoleName(self.role),
            reason: self.reason,
            asked_at: moment("request", self.asked_at)?,
            decide_by: moment("request", self.decide_by)?,
            verdict: from_json("request", &self.verdict)?,
            extends: self.extends.as_deref().map(|grant| id("request", grant)).transpose()?,
            plan: self.plan.as_deref().map(|plan| from_json("request", plan)).transpose()?,
            origin: self.origin.as_deref().map(|origin| from_json("request", origin)).transpose()?,
            targets: self.targets.as_deref().map(|targets| from_json("request", targets)).transpose()?,
            state,
        })
    }

    fn state(&self) -> Result<RequestState, StoreError> {
        let at = || moment("request", self.closed_at.unwrap_or_default());
        let by = self.closed_by.as_deref().unwrap_or_default();
        match self.state.as_str() {
            "awaiting" => Ok(RequestState::Awaiting),
            "approved" => Ok(RequestState::Approved { at: at()?, grant: id("request", by)? }),
            "denied" => Ok(RequestState::Denied { at: at()?, by: from_json("request", by)? }),
            "cancelled" => Ok(RequestState::Cancelled { at: at()? }),
            "lapsed" => Ok(RequestState::Lapsed { at: at()? }),
            other => Err(unknown("request", other)),
        }
    }
}
