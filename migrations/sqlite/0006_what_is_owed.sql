-- What may be in a cloud, or has left something there, by its key: what is over is never read again.
drop index access_by_key;
create index access_owed on access (access_key) where state <> 'gone' or tidy_at is not null;
-- Whether all of a grant is live, or gone, without reading it.
drop index access_by_grant;
create index access_by_grant on access (grant_id, state);
