-- The whole database: one PostgreSQL schema for each service that owns tables. Only that service writes there.
-- A database of before this file cannot be migrated: services/shared/postgres/migrations.py refuses it.

-- One role for each service; the deployment gives them a password.
do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        if not exists (select from pg_roles where rolname = 'duban_' || name) then
            execute format('create role %I', 'duban_' || name);
        end if;
    end loop;
end $$;

-- ---- plumbing: what every service shares --------------------------------------------------------------------------------
create schema plumbing;

create table plumbing.deployment (
    single boolean primary key default true check (single),
    scale double precision not null check (scale > 0),
    real_origin timestamptz not null,
    business_origin timestamptz not null,
    environment text not null
);
comment on table plumbing.deployment is 'the clock of the deployment: how business time follows real time';

create table plumbing.dead_letter (
    id uuid primary key,
    service text not null,
    topic text not null,
    sender text not null,
    reason text not null,
    at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz
);
comment on table plumbing.dead_letter is 'counts dead letters, which are limited per sender and topic; the records are on dead-letters';
create index dead_letter_recent on plumbing.dead_letter (topic, sender, at) where resolved_at is null;

-- ---- policy: versions of the policy packs (R4.12) -----------------------------------------------------------------------
create schema policy;

create table policy.version (
    id bigint generated always as identity primary key,
    pack text not null,
    revision text not null,
    form_version integer not null,
    files jsonb not null,
    in_force_from timestamptz not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null,
    note text not null default ''
);
comment on column policy.version.form_version is 'the form in which the files are written: which keys they have, and what these mean';
comment on column policy.version.files is 'the texts of the files, by name';
comment on column policy.version.in_force_from is 'business time; applied_at is real time';
create index version_in_force on policy.version (pack, in_force_from, id);

-- ---- intake: who may send contacts and commands, and read results -------------------------------------------------------
create schema intake;

create table intake.sender (
    name text primary key,
    key_hash bytea not null unique,
    policy text not null,
    channels text[] not null,
    actions text[] not null,
    per_minute integer check (per_minute > 0),
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);
comment on column intake.sender.key_hash is 'SHA-256 of the key; the key itself is shown once';
comment on column intake.sender.channels is 'channels that it may use; * for all';
comment on column intake.sender.actions is 'contacts, commands, read';
comment on column intake.sender.per_minute is 'messages that it may send in a minute; null: any number';

-- ---- router: where each contact went, and why ---------------------------------------------------------------------------
create schema router;

create table router.contact (
    id uuid primary key,
    digest bytea not null,
    ticket_id uuid not null,
    disposition text not null,
    reason text not null,
    sender text not null,
    channel text not null,
    message_id text not null,
    phone text,
    customer_number text,
    email text,
    identity text,
    business_type text,
    problem_type text,
    subject text not null,
    switchboard boolean not null,
    name text,
    extension text,
    commands jsonb not null,
    call text,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    received_at timestamptz not null,
    decided_at timestamptz not null
);
comment on column router.contact.digest is 'SHA-256 of the contact as sent: another body under the same id is a conflict';
create index contact_call on router.contact (call) where call is not null;
create index contact_phone on router.contact (phone, received_at) where phone is not null;
create index contact_number on router.contact (customer_number, received_at) where customer_number is not null;
create index contact_email on router.contact (email, received_at) where email is not null;
create index contact_identity on router.contact (identity, received_at) where identity is not null;
-- All contacts of a ticket: people behind one number are told apart by the names on it (DECISIONS 30).
create index contact_ticket on router.contact (ticket_id);

create table router.call (
    id text primary key,
    call jsonb not null,
    sender text not null,
    channel text not null,
    policy text not null,
    answered boolean not null,
    ended_at timestamptz,
    contact_id uuid,
    ticket_id uuid,
    heard_at timestamptz not null,
    announced_at timestamptz
);
comment on table router.call is 'calls by the exchange''s id, to be joined with the operator''s form whichever comes first';
comment on column router.call.announced_at is 'when an incomplete contact was made of it, because no form had come';
create index call_without_form on router.call (ended_at) where contact_id is null and answered and announced_at is null;

create table router.kept (
    id uuid primary key,
    reason text not null,
    about uuid,
    number text,
    body jsonb not null,
    heard_at timestamptz not null
);
comment on table router.kept is 'messages that opened no ticket: automatic answers, bounces, resolved alerts';
create index kept_about on router.kept (about) where about is not null;

-- ---- ledger: tickets and their events -----------------------------------------------------------------------------------
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
    trace text,
    pack text not null generated always as (body #>> '{policy,pack}') stored,
    earlier_number text generated always as (body ->> 'earlier_number') stored
);
comment on column ledger.ticket.trace is 'trace context of the contact that opened it; every event continues the trace';
comment on column ledger.ticket.saved_at is 'real time of the last save; the others are business time';
comment on column ledger.ticket.body is 'the ticket as a JSON document';

-- Every decision writes its ticket's row again. Where no indexed column changes and the page has room, PostgreSQL leaves the
-- indexes alone (HOT). So nothing that each save changes is in an index: what is looked up in the body has a column of its
-- own (an index on an expression of the body would count as changed), and the time of the last save has a BRIN index,
-- which does not count. That one finds what was saved in the last minutes, after a partition was taken over, without
-- reading the whole table; a million tickets make it 5 MB.
create index ticket_phone on ledger.ticket (phone) where phone is not null;
create index ticket_customer_number on ledger.ticket (customer_number) where customer_number is not null;
create index ticket_earlier on ledger.ticket (earlier_number) where earlier_number is not null;
create index ticket_report on ledger.ticket (pack, accepted_at);
create index ticket_saved on ledger.ticket using brin (saved_at) with (pages_per_range = 4, autosummarize = on);

-- Compressed, a ticket fits into its row, so that no rows of a second table are written and read with it. Where the server
-- was built with lz4, that compresses in a fraction of the time; both are read either way.
alter table ledger.ticket set (toast_tuple_target = 4080);

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
comment on column ledger.event.body is 'the change alone: the tickets before and after it follow from the events';
comment on column ledger.event.threshold is 'ticket/clock/run/limit/threshold: one event for each, ever (promise 4)';
create index event_compensation on ledger.event ((body #>> '{actor,name}'), at) where type = 'compensated';

do $$
begin
    alter table ledger.ticket alter column body set compression lz4;
    alter table ledger.event alter column body set compression lz4;
exception
    when feature_not_supported then null;
end $$;

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
comment on column ledger.command.digest is 'SHA-256 of the command as sent: another body under the same id is a conflict';
comment on column ledger.command.commands is 'what the ledger sent to itself because of it';
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

create table ledger.archive_due (
    ticket_id uuid primary key references ledger.ticket (id),
    version integer not null,
    day date not null,
    swept_at timestamptz,
    sweeps integer not null default 0
);
comment on table ledger.archive_due is 'tickets for which nothing is to come but the archive, in years: no monitor keeps them in memory';
comment on column ledger.archive_due.day is 'the first day (UTC, business time) that begins after the ticket is due for the archive';
create index archive_due_day on ledger.archive_due (day, ticket_id);

-- ---- callback: who is asked when, after the answer ----------------------------------------------------------------------
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
    until_at timestamptz,
    centre text not null,
    zone text,
    contact_hours text,
    script text,
    primary key (ticket_id, run),
    check ((due_at is null) = (until_at is null)),
    check ((due_at is null) = (state in ('done', 'cancelled')))
);
comment on table callback.plan is 'one row for each run of a ticket; due_at is business time, null when nothing more is to be done';
comment on column callback.plan.version is 'of the last ticket event that was applied; older ones change nothing';
comment on column callback.plan.until_at is 'business time at which the calling hours end that due_at lies in; then it moves to the next';
comment on column callback.plan.centre is 'the centre in charge: its people call, and their capacity is counted by it';
comment on column callback.plan.zone is 'time zone of the customer; null: that of the pack';
comment on column callback.plan.script is 'what the caller says; null: nothing is prescribed';
create index plan_calls on callback.plan (due_at) where means = 'phone' and due_at is not null;
create index plan_due on callback.plan (due_at) where due_at is not null and means <> 'phone';
create index plan_until on callback.plan (until_at) where until_at is not null;

create table callback.sample (
    name text primary key,
    policy text not null,
    accepted_from timestamptz not null,
    accepted_until timestamptz not null,
    size integer not null check (size > 0),
    strata text[] not null,
    seed text not null,
    population integer not null,
    tickets uuid[] not null,
    drawn_at timestamptz not null
);
comment on table callback.sample is 'samples for studies by a third party (R5.4): how each was drawn, and its tickets';

-- ---- notifier: every notice with the proof of its delivery, and the webhooks --------------------------------------------
create schema notifier;

create table notifier.notice (
    id uuid primary key,
    event_id uuid not null,
    ticket_id uuid not null,
    ticket_number text not null,
    audience text not null,
    template text not null,
    language text not null,
    ways jsonb not null,
    way integer not null default 0,
    means text not null,
    address text,
    urgency integer not null,
    until text not null,
    paper boolean not null,
    digest_over integer not null,
    context jsonb not null,
    state text not null default 'queued' check (state in ('queued', 'sent', 'delivered', 'failed', 'obsolete')),
    attempts integer not null default 0,
    try_at timestamptz not null default clock_timestamp(),
    queued_at timestamptz not null,
    settled_at timestamptz,
    sent_at timestamptz,
    provider_id text,
    error text,
    published boolean not null default false,
    turn integer not null default 0,
    begun_at timestamptz not null default clock_timestamp(),
    held_until timestamptz,
    quiet_from time,
    quiet_until time,
    zone text,
    run integer not null default 0,
    clock text,
    unique (event_id, audience)
);
comment on column notifier.notice.ways is 'means and address of each way, in the order in which they are tried';
comment on column notifier.notice.way is 'index of the way that is tried; the next one after a permanent failure';
comment on column notifier.notice.until is 'the stage of the ticket from which on the notice is obsolete';
comment on column notifier.notice.sent_at is 'real time';
comment on column notifier.notice.try_at is 'real time of the next attempt; queued_at and settled_at are business time';
comment on column notifier.notice.turn is 'how often it has started again, by another way or by hand; the provider gets another id each time';
comment on column notifier.notice.begun_at is 'real time since which it waits to be sent by its present means';
comment on column notifier.notice.held_until is 'real time at which it is sent in one digest with all others of its address; null: it is sent alone';
comment on column notifier.notice.quiet_from is 'start of the local hours of the zone in which it is not sent; null: none';
comment on column notifier.notice.run is 'run of the ticket; most notices about one run are obsolete in the next';
comment on column notifier.notice.clock is 'clock/run/limit of the ticket that it is about, if it is about one';
create index notice_due on notifier.notice (means, urgency, try_at) where not published;
create index notice_sent on notifier.notice (address, sent_at) where sent_at is not null;
create index notice_failed on notifier.notice (settled_at) where state = 'failed';
create index notice_ticket on notifier.notice (ticket_id);

create table notifier.attempt (
    notice_id uuid not null references notifier.notice (id),
    at timestamptz not null default clock_timestamp(),
    means text not null,
    outcome text not null,
    provider_id text,
    error text,
    turn integer not null default 0,
    handed text,
    parts integer
);
comment on table notifier.attempt is 'every attempt to send a notice, and every delivery report of a provider about it';
comment on column notifier.attempt.handed is 'the id that was given to the provider: a report names it, or the provider''s own id';
comment on column notifier.attempt.parts is 'number of messages that an SMS was split into';
create index attempt_notice on notifier.attempt (notice_id, at);
create index attempt_handed on notifier.attempt (handed) where outcome = 'sent';
create index attempt_provider on notifier.attempt (provider_id, at) where outcome = 'sent';

create table notifier.report (
    id bigint generated always as identity primary key,
    named text not null,
    state text not null check (state in ('delivered', 'failed')),
    reason text,
    at timestamptz not null default clock_timestamp()
);
comment on table notifier.report is 'delivery reports that came before the attempt they name was saved';

create table notifier.subscriber (
    id uuid primary key,
    name text not null unique,
    url text not null,
    events text[] not null,
    secrets jsonb not null,
    disabled text,
    added_at timestamptz not null default clock_timestamp(),
    private boolean not null default false
);
comment on column notifier.subscriber.secrets is 'newest first, each with the real time until which it is valid; they sign, so they cannot be hashed';
comment on column notifier.subscriber.disabled is 'why nothing is sent to it; null: messages are sent';
comment on column notifier.subscriber.private is 'whether its address may be one that is not public';

create table notifier.hook (
    subscriber_id uuid not null references notifier.subscriber (id),
    event_id uuid not null,
    ticket_id uuid not null,
    version integer not null,
    type text not null,
    body bytea not null,
    state text not null default 'queued' check (state in ('queued', 'delivered', 'failed')),
    attempts integer not null default 0,
    queued_at timestamptz not null default clock_timestamp(),
    try_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz,
    status integer,
    error text,
    primary key (subscriber_id, event_id)
);
comment on table notifier.hook is 'one message to one subscriber; its times are real time';
create index hook_due on notifier.hook (subscriber_id, try_at) where state = 'queued';
create index hook_order on notifier.hook (subscriber_id, ticket_id, version) where state = 'queued';
create index hook_age on notifier.hook (queued_at);

-- ---- hot_issues: many complaints that are one (R3.7) --------------------------------------------------------------------
create schema hot_issues;

create table hot_issues.sign (
    ticket_id uuid primary key,
    version integer not null,
    policy text not null,
    business_type text not null,
    problem_type text not null,
    region text not null,
    accepted_at timestamptz not null
);
comment on table hot_issues.sign is 'one row for each ticket of a kind that is counted, so that a repeated record counts once';
comment on column hot_issues.sign.version is 'of the last ticket event that was applied; older ones change nothing';
create index sign_kind on hot_issues.sign (policy, business_type, problem_type, region, accepted_at);
create index sign_accepted on hot_issues.sign (accepted_at);

create table hot_issues.issue (
    id uuid primary key,
    policy text not null,
    business_type text not null,
    problem_type text not null,
    region text not null,
    status text not null,
    version integer not null,
    published integer not null default 0,
    body jsonb not null,
    closing jsonb
);
comment on column hot_issues.issue.published is 'the last version that was published on hot-issues';
comment on column hot_issues.issue.closing is 'a person''s request to close it, until the service has applied it';
create unique index issue_kind on hot_issues.issue (policy, business_type, problem_type, region) where status <> 'closed';
create index issue_closed on hot_issues.issue (policy, business_type, problem_type, region) where status = 'closed';
create index issue_unpublished on hot_issues.issue (id) where published < version;

create table hot_issues.member (
    issue_id uuid not null references hot_issues.issue (id),
    ticket_id uuid not null,
    linked_at timestamptz not null,
    told boolean not null default false,
    tickets integer not null,
    primary key (issue_id, ticket_id)
);
comment on column hot_issues.member.told is 'whether the command that links the ticket was sent to the ledger';
comment on column hot_issues.member.tickets is 'how many tickets the issue had when this one was linked';
create index member_untold on hot_issues.member (linked_at) where not told;

-- ---- grants -------------------------------------------------------------------------------------------------------------
-- Every service may read the deployment's clock, the policies and the ledger, and record dead letters.
do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        execute format('grant usage on schema plumbing, policy, ledger to %I', 'duban_' || name);
        execute format('grant select on plumbing.deployment, policy.version to %I', 'duban_' || name);
        execute format('grant select, insert on plumbing.dead_letter to %I', 'duban_' || name);
        execute format('grant select on all tables in schema ledger to %I', 'duban_' || name);
    end loop;
end $$;

-- Intake also shows what became of a contact, and the work list of those who call customers back.
grant usage on schema intake, router, callback to duban_intake;
grant select on intake.sender, router.contact, callback.plan to duban_intake;

grant usage on schema router to duban_router;
grant select, insert on router.contact, router.kept to duban_router;
grant select, insert, update on router.call to duban_router;

grant usage on sequence ledger.ticket_number to duban_ledger;
grant insert, update on ledger.ticket to duban_ledger;
grant insert on ledger.event, ledger.command to duban_ledger;
grant insert, update, delete on ledger.clock, ledger.archive_due to duban_ledger;

grant usage on schema callback to duban_callback;
grant select, insert, update on callback.plan to duban_callback;
grant select, insert on callback.sample to duban_callback;

grant usage on schema notifier to duban_notifier;
grant select, insert, update on notifier.notice, notifier.subscriber to duban_notifier;
grant select, insert on notifier.attempt to duban_notifier;
grant select, insert, update, delete on notifier.report, notifier.hook to duban_notifier;

grant usage on schema hot_issues to duban_hot_issues;
grant select, insert, update, delete on hot_issues.sign to duban_hot_issues;
grant select, insert, update on hot_issues.issue, hot_issues.member to duban_hot_issues;
