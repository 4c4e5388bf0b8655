-- name: newer
select id, pack, revision, form_version, files::text, nullif(in_force_from, '-infinity'), applied_at, applied_by, note
from policy.version
where id > %(known)s
order by id;

-- name: insert
insert into policy.version (pack, revision, form_version, files, in_force_from, applied_by, note)
values (%(pack)s, %(revision)s, %(form_version)s, %(files)s, %(in_force_from)s, %(applied_by)s, %(note)s);

-- name: seed
-- The first version of a pack, in force from the beginning; does nothing if the pack has a version.
insert into policy.version (pack, revision, form_version, files, in_force_from, applied_by, note)
select %(pack)s, %(revision)s, %(form_version)s, %(files)s, '-infinity', 'migration', 'the first version'
where not exists (select from policy.version where pack = %(pack)s);

-- name: lock
-- Serialises changes of policies.
select pg_advisory_xact_lock(hashtext('duban policy'));
