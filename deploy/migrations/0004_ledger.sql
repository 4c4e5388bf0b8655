-- Tickets and their events, processed commands and deadlines. Only the ledger writes here; every service may read.
create schema ledger;

create sequence ledger.ticket_number;

create table ledger.ticket (
    id uuid primary key,
    number text not null unique,
    version integer not null check (version > 0),
    partition integer not null,
    status text not null,
    phone text,
    customer_number text,
    contact_id uuid not null unique,
    accepted_at timestamptz not null,
    updated_at timestamptz not null,
    closed_at timestamptz,
    saved_at timestamptz not null default clock_timestamp(),
    body jsonb not null,
    trace text
);
comment on column ledger.ticket.trace is 'trace context of the contact that opened it; every event carries the trace on';
comment on column ledger.ticket.saved_at is 'real time of the last save; the others are business time';
comment on column ledger.ticket.body is 'the ticket, as in tickets.state';
create index ticket_phone on ledger.ticket (phone) where phone is not null;
create index ticket_customer_number on ledger.ticket (customer_number) where customer_number is not null;
create index ticket_earlier on ledger.ticket ((body ->> 'earlier_number')) where body ->> 'earlier_number' is not null;
create index ticket_saved on ledger.ticket (saved_at);

create table ledger.event (
    ticket_id uuid not null references ledger.ticket (id),
    version integer not null,
    id uuid not null unique,
    type text not null,
    at timestamptz not null,
    threshold text unique,
    body jsonb not null,
    primary key (ticket_id, version)
);
comment on column ledger.event.body is 'the change alone: the tickets before and after it are what the events make';
comment on column ledger.event.threshold is 'clock/run/limit/threshold after the ticket id: one event for each key, ever (promise 4)';

create index event_compensation on ledger.event ((body #>> '{actor,name}'), at) where type = 'compensated';

create table ledger.command (
    id uuid primary key,
    digest bytea not null,
    ticket_id uuid not null,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    type text not null,
    outcome text not null check (outcome in ('done', 'nothing', 'refused')),
    first_version integer,
    last_version integer,
    refusal jsonb,
    commands jsonb not null default '[]',
    decided_at timestamptz not null
);
comment on column ledger.command.digest is 'SHA-256 of what was asked: another body under the same id is a conflict';
comment on column ledger.command.commands is 'what the ledger sent itself because of it';
create index command_ticket on ledger.command (ticket_id);

create table ledger.clock (
    ticket_id uuid primary key references ledger.ticket (id),
    partition integer not null,
    version integer not null,
    next_at timestamptz not null,
    swept_at timestamptz,
    sweeps integer not null default 0
);
comment on table ledger.clock is 'when each ticket next has to be looked at, in business time; no row: never';
create index clock_next on ledger.clock (next_at, ticket_id);
create index clock_partition on ledger.clock (partition, next_at);

do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        execute format('grant usage on schema ledger to %I', 'duban_' || name);
        execute format('grant select on all tables in schema ledger to %I', 'duban_' || name);
    end loop;
end $$;
grant insert, update on ledger.ticket to duban_ledger;
grant insert on ledger.event, ledger.command to duban_ledger;
grant insert, update, delete on ledger.clock to duban_ledger;
grant usage on sequence ledger.ticket_number to duban_ledger;
