-- What a request would open, once the clouds have been asked: JSON of the role's targets as they were configured and
-- of what they stand for (an organisational unit's accounts). Null until then, and where nothing has to be asked.
alter table request add column targets text;
