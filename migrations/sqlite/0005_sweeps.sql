-- What a sweep compares with what is in the clouds, without reading every access that there ever was.

-- By which name the cloud's own lists show who has it: who they found the holder to be, or else what the access key says.
alter table access add column found_as text generated always as (coalesce(json_extract(receipt, '$.user_id'), principal)) virtual;
create index access_by_found on access (provider, resource, found_as);
create index access_open on access (provider) where state <> 'gone';

-- The things that a cloud is asked about to find out what is there: an account with a permission set, a group, a user.
create table place (
    provider  text    not null, -- in which cloud
    name      text    not null, -- which one, as the provider names it
    target    text    not null, -- JSON: a target that is there
    pending   integer not null, -- 1 while the sweep that is under way has still to ask about it
    looked_at integer,          -- when the cloud last told what is there; null before the first time
    primary key (provider, name)
) strict;
create index place_pending on place (provider, name) where pending = 1;

drop table foreign_access;
-- Standing access on things that jit manages, given by somebody else: reported once, never touched.
create table foreign_access (
    provider   text    not null, -- in which cloud
    place      text    not null, -- where it was found
    resource   text    not null, -- what it opens, as the cloud names it
    principal  text    not null, -- who has it, as the cloud names them
    first_seen integer not null, -- when a sweep found it first
    primary key (provider, resource, principal)
) strict;
create index foreign_access_by_place on foreign_access (provider, place);
