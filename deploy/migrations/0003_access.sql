-- Every reading of a person's data (promise 7, R5.6): who, what, when and why; not the data. Intake can only add: it has no
-- right to change or delete, and what has outlived its retention goes by a function that leaves the latest half year alone.

create table intake.access (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    key text not null,
    person text,
    route text not null,
    sought text not null,
    digest bytea,
    tickets text[] not null,
    fields text not null check (fields in ('masked', 'personal')),
    purpose text
);
comment on table intake.access is 'readings of tickets: who read which, by what and why; times are real';
comment on column intake.access.key is 'name of the sender whose key was shown; duban: the command line';
comment on column intake.access.person is 'the person who read, as the key named them';
comment on column intake.access.sought is 'by what they were found: number, phone, identity, reference, list, call';
comment on column intake.access.digest is 'keyed hash of the phone or identity that was searched for; never the value';
comment on column intake.access.tickets is 'numbers of the tickets that were shown; empty: the search found none';
comment on column intake.access.fields is 'whether the personal fields were masked or shown';
create index access_at on intake.access (at);
create index access_tickets on intake.access using gin (tickets);

create function intake.delete_access(keep interval) returns bigint
language sql security definer set search_path = pg_catalog as $$
    with gone as (
        delete from intake.access
        where id in (
            select id from intake.access
            where at < clock_timestamp() - greatest(keep, interval '180 days') order by at limit 10000
        )
        returning 1
    )
    select count(*) from gone
$$;
comment on function intake.delete_access is 'deletes readings older than that, at most 10,000 at once; none younger than 180 days';
revoke all on function intake.delete_access from public;
grant execute on function intake.delete_access to duban_intake;
grant select, insert on intake.access to duban_intake;
