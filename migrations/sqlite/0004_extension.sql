-- A request that asks for a later end of a grant: the grant. Null for one that asks for a grant of its own.
alter table request add column extends text references grant_ (id);
create index request_by_extends on request (extends) where extends is not null;

-- Until when the cloud was last told to let it exist. Null before it was confirmed for the first time.
alter table access add column until integer;
