-- Standing access on things that jit manages, given by somebody else: reported once, never touched.
create table foreign_access (
    resource   text    not null, -- what it opens, as the cloud names it
    principal  text    not null, -- who has it, as the cloud names them
    first_seen integer not null, -- when a sweep found it first
    primary key (resource, principal)
) strict;
