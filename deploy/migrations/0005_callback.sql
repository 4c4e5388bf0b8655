-- Callback plans: which customer is asked when about the outcome.
create schema callback;

create table callback.plan (
    ticket_id uuid not null,
    run integer not null,
    version integer not null,
    state text not null check (state in ('planned', 'asked', 'done', 'cancelled')),
    reason text not null,
    attempts integer not null default 0,
    means text not null,
    due_at timestamptz,
    policy text not null,
    updated_at timestamptz not null,
    primary key (ticket_id, run)
);
comment on table callback.plan is 'one row for each run of a ticket; due_at is business time, null when nothing more is to be done';
comment on column callback.plan.version is 'version of the last ticket event that was taken in: older ones change nothing';
create index plan_due on callback.plan (due_at) where due_at is not null;

grant usage on schema callback to duban_callback, duban_intake;
grant select, insert, update on callback.plan to duban_callback;
-- Intake's HTTP API shows the work list to the callers.
grant select on callback.plan to duban_intake;
create index plan_calls on callback.plan (due_at) where means = 'phone' and due_at is not null;
