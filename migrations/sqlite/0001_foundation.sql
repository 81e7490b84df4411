-- The tables of jit. Times are UTC microseconds since 1970 (integer), ids are UUIDv7 (text), people are Slack user ids.
-- Secrets and credentials appear in no table.

-- What Slack says about people; a cache.
create table person (
    user_id    text    not null primary key, -- Slack user id
    name       text    not null,             -- the name people know them by
    email      text,                         -- null where the app may not read it, and for bots
    standing   text    not null,             -- member | guest | bot | deactivated
    fetched_at integer not null              -- when Slack was last asked
) strict;

-- Who is in which Slack user group; a cache.
create table user_group (
    group_id   text    not null primary key, -- Slack user group id
    members    text    not null,             -- JSON array of Slack user ids
    fetched_at integer not null              -- when Slack was last asked
) strict;

-- Somebody's wish for a role.
create table request (
    id         text    not null primary key, -- UUIDv7
    code       text    not null unique,      -- short name without its REQ- prefix
    requester  text    not null,             -- who asks
    role       text    not null,             -- name of the role, as it was then
    reason     text    not null,             -- in the requester's words; may be empty
    asked_at   integer not null,             -- when it was made
    decide_by  integer not null,             -- from then on it can no longer be decided
    verdict    text    not null,             -- JSON: what the policy said when it was made (frozen)
    state      text    not null,             -- awaiting | approved | denied | cancelled | lapsed
    closed_at  integer,                      -- when it left awaiting
    closed_by  text                          -- approved: grant id; denied: JSON of who or what said no
) strict;
create index request_by_requester on request (requester, asked_at);

-- One person's approval or denial of a request.
create table review (
    request_id text    not null references request (id), -- of what
    reviewer   text    not null,             -- who
    approves   integer not null,             -- 1 approve, 0 deny
    at         integer not null,             -- when
    primary key (request_id, reviewer)
) strict;

-- An approved request (grant is a reserved word in SQL).
create table grant_ (
    id         text    not null primary key, -- UUIDv7; AWS sessions carry it as tag JitGrantId
    request_id text    not null unique references request (id), -- from which it came
    code       text    not null unique,      -- the request's code
    holder     text    not null,             -- who has it
    role       text    not null,             -- what they have
    reason     text    not null,             -- as on the request
    approvers  text    not null,             -- JSON array: whose approvals counted
    starts_at  integer not null,             -- when it was approved
    ends_at    integer not null,             -- from then on it is no more
    state      text    not null,             -- applying | active | ending | ended | failed
    state_at   integer not null,             -- since when it is in this state
    cause      text                          -- JSON: why it ends or ended; for failed the reason as text
) strict;
create index grant_by_holder on grant_ (holder, state);

-- One target of one grant: the row that owes a revocation. Committed before the cloud is called.
create table access (
    id             text    not null primary key, -- UUIDv7
    grant_id       text    not null references grant_ (id), -- of which grant
    position       integer not null,             -- which of the role's targets, from 0
    access_key     text    not null,             -- provider|principal|resource: what reconcile works on
    provider       text    not null,             -- aws-sts | demo
    principal      text    not null,             -- who, as the cloud names them
    resource       text    not null,             -- what, as the cloud names it
    target         text    not null,             -- JSON: the target as configured when the grant began (no secrets)
    state          text    not null,             -- wanted | applying | live | removing | gone
    receipt        text    not null,             -- JSON: identifiers the provider noted
    sessions_until integer,                      -- when the last claimed session expires by itself; set before minting
    tidy_at        integer,                      -- when the provider has to remove what it left behind (deny policies)
    note           text,                         -- why it is not where it should be yet, in words for people
    stuck_since    integer                       -- since when people should look; it is still being retried
) strict;
create index access_by_key on access (access_key);
create index access_by_grant on access (grant_id);

-- Work that is owed. One row for each unfinished (kind, key).
create table job (
    id           integer not null primary key autoincrement, -- in the order of being asked for
    kind         text    not null,           -- what is to be done
    key          text    not null,           -- on what
    lane         text    not null,           -- who is kept busy by it: provider:…, channel:…, store
    payload      text    not null,           -- JSON of the job
    run_at       integer not null,           -- not before
    attempts     integer not null default 0, -- failures in a row
    generation   integer not null default 0, -- grows each time it is asked for, also while it runs
    leased_until integer,                    -- a worker has it until then
    lease_owner  text,                       -- which lease; a worker that lost it cannot finish the job
    last_error   text,                       -- why it failed the last time
    unique (kind, key)
) strict;
create index job_by_run_at on job (run_at);
create index job_by_lane on job (lane, leased_until, run_at); -- what is due next in each lane

-- The audit trail. Rows are only ever added; each carries the hash of the one before.
create table audit_event (
    seq        integer not null primary key, -- from 1 without gaps
    at         integer not null,             -- when
    actor      text    not null,             -- Slack user id, jit or operator
    kind       text    not null,             -- what happened, such as request_made
    request_id text,                         -- the request it is about
    grant_id   text,                         -- the grant it is about
    fact       text    not null,             -- JSON: the whole fact, complete in itself
    prev       text    not null,             -- hash of the event before; 64 zeros for the first
    hash       text    not null              -- SHA-256 over all of the above
) strict;

-- The end of the trail, noted with each event, so that a trail cut short is noticed.
create table audit_head (
    only_row integer not null primary key check (only_row = 1), -- there is never a second row
    seq      integer not null,             -- place of the last event; 0 before the first
    hash     text    not null              -- its hash; 64 zeros before the first
) strict;
insert into audit_head (only_row, seq, hash)
values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- The Slack messages that are kept up to date.
create table card (
    id            text    not null primary key, -- UUIDv7
    kind          text    not null,             -- request (for approvers) | holder (direct message)
    request_id    text    not null references request (id), -- what it is about
    address       text    not null,             -- where it is to be posted: a channel, or a person's id
    channel       text,                         -- where it stands: for a person, the direct-message channel
    ts            text,                         -- which message it is; null until posted
    digest        text,                         -- SHA-256 of what it shows
    posting_since integer,                      -- a post was begun then and its outcome is not known
    unique (kind, request_id)
) strict;

-- Further messages that show a card: a post whose answer was lost came through, and could not be looked for. Known from
-- a click on it.
create table card_copy (
    channel text not null,            -- where it stands
    ts      text not null,            -- which message it is
    card_id text not null references card (id), -- of which message
    digest  text not null default '', -- SHA-256 of what it shows; empty when that is not known
    primary key (channel, ts)
) strict;
create index card_copy_by_card on card_copy (card_id);

-- How far each channel has been told the audit trail.
create table feed (
    channel       text    not null primary key, -- Slack channel id
    posted_seq    integer not null,             -- the last event that was told
    posting_seq   integer,                      -- a message that tells up to here was begun and its outcome is not known
    posting_since integer                       -- when it was begun
) strict;

-- Deliveries that were answered already, so that a repeated one changes nothing and gets the same answer.
create table delivery (
    key    text    not null primary key, -- SHA-256 over what makes the delivery unique
    answer text,                         -- the answer that was given; null where there was none to repeat
    at     integer not null              -- when
) strict;
create index delivery_by_at on delivery (at);

-- Links to claim credentials with, usable once.
create table claim_link (
    token_hash text    not null primary key, -- SHA-256 of the token; the token itself is only in the link
    access_id  text    not null references access (id), -- what they open
    holder     text    not null,             -- who asked for it
    purpose    text    not null,             -- shell | console
    expires_at integer not null,             -- not usable from then on
    used_at    integer                       -- when it was used
) strict;
