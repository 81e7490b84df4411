-- What the API adds: who is signed in, what was asked before, plans, and processes that must be heard of.

-- The right to call the API for somebody, for a while.
create table session (
    id         text    not null primary key, -- UUIDv7
    token_hash text    not null unique,      -- SHA-256 of the token; the token itself is only where it was sent
    principal  text    not null,             -- for whom: Slack user id, or workload: and a name
    machine    text    not null,             -- on which machine, in its own words
    place      text    not null,             -- from which address it was asked for, as the server saw it
    created_at integer not null,             -- when it began
    expires_at integer not null,             -- not usable from then on
    revoked_at integer,                      -- when it was ended before that
    origin     text                          -- JSON: where a pipeline comes from, as its verified proof said
) strict;
create index session_by_principal on session (principal, expires_at);

-- Logins: codes that somebody is to type in Slack and to confirm there.
create table login (
    id         text    not null primary key, -- UUIDv7
    code       text    not null unique,      -- what is typed, without its hyphen
    poll_hash  text    not null,             -- SHA-256 of the token by which the machine asks how it stands
    machine    text    not null,             -- the machine that asks, in its own words
    user_name  text,                         -- the user there, in its own words
    place      text    not null,             -- from which address it asks, as the server sees it
    created_at integer not null,             -- when it was asked for
    expires_at integer not null,             -- from then on it can no longer be confirmed
    state      text    not null,             -- waiting | asked | confirmed | refused | collected
    person     text                          -- who has typed the code
) strict;

-- Calls that must not happen twice, and what they were answered.
create table call (
    principal text    not null, -- who called
    key       text    not null, -- the Idempotency-Key that they gave
    digest    text    not null, -- SHA-256 of what they asked for: the same key must not ask for something else
    status    integer not null, -- the HTTP status of the answer
    answer    text    not null, -- the body of the answer, which holds no secret
    at        integer not null, -- when
    primary key (principal, key)
) strict;
create index call_by_at on call (at);

-- Proofs of pipelines that were accepted: each counts once.
create table spent_proof (
    hash       text    not null primary key, -- SHA-256 of what makes the proof unique: issuer and jti, or the signature
    expires_at integer not null              -- the proof is worth nothing from then on, and need not be remembered
) strict;
create index spent_proof_by_expiry on spent_proof (expires_at);

-- The plan that a request is for: JSON of its digest and of what it says it will do. Null for most.
alter table request add column plan text;
-- Where the pipeline that asked comes from, as its verified proof said: JSON. Null for people.
alter table request add column origin text;

-- When the process that uses the grant was heard of last. Null until it is for the first time: only then it is missed.
alter table grant_ add column heard_at integer;
