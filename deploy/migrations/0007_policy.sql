-- Versions of the policy packs: the files that were in force at any time (R4.12).
create schema policy;

create table policy.version (
    id bigint generated always as identity primary key,
    pack text not null,
    revision text not null,
    files jsonb not null,
    in_force_from timestamptz not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null,
    note text not null default ''
);
comment on column policy.version.in_force_from is 'business time; applied_at is real time';
create index version_in_force on policy.version (pack, in_force_from, id);

do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        execute format('grant usage on schema policy to %I', 'duban_' || name);
        execute format('grant select on policy.version to %I', 'duban_' || name);
    end loop;
end $$;
