-- Whoever asks may say that their process will be heard of: `jit run` may be gone before anybody has approved.

alter table request add column heartbeats integer not null default 0; -- whether the grant ends when none is heard of
