-- Shared by all services: the deployment's clock, and the dead letters by which senders are limited.
create schema if not exists plumbing;

create table plumbing.deployment (
    single boolean primary key default true check (single),
    scale double precision not null check (scale > 0),
    real_origin timestamptz not null,
    business_origin timestamptz not null,
    environment text not null
);

create table plumbing.dead_letter (
    id uuid primary key,
    service text not null,
    topic text not null,
    sender text not null,
    reason text not null,
    at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz
);
create index dead_letter_recent on plumbing.dead_letter (topic, sender, at) where resolved_at is null;

-- One role for each service; the deployment sets their passwords.
do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        if not exists (select from pg_roles where rolname = 'duban_' || name) then
            execute format('create role %I', 'duban_' || name);
        end if;
        execute format('grant usage on schema plumbing to %I', 'duban_' || name);
        execute format('grant select on plumbing.deployment to %I', 'duban_' || name);
        execute format('grant select, insert on plumbing.dead_letter to %I', 'duban_' || name);
    end loop;
end $$;
