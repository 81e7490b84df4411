-- Indexes for what was found by looking at every row there is. `tests/it/tidy/queries.rs` sees to it that nothing is.

-- Whatever happens to a request brings its cards up to date.
create index card_by_request on card (request_id);
-- What was under a key before, which Azure's lists may still show.
create index access_gone on access (access_key, grant_id) where state = 'gone' and tidy_at is null;
-- What a start goes on with.
create index access_unsettled on access (access_key)
    where state in ('wanted', 'applying', 'removing') or tidy_at is not null;
-- What the metrics count.
create index request_awaiting on request (asked_at) where state = 'awaiting';
create index access_stuck on access (stuck_since) where stuck_since is not null;
create index grant_open on grant_ (state) where state in ('applying', 'active', 'ending');
create index grant_heard on grant_ (heard_at) where heard_at is not null;
-- What is pruned.
create index claim_link_by_expiry on claim_link (expires_at);
create index login_by_expiry on login (expires_at);
create index session_by_expiry on session (expires_at);
