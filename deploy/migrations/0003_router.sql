-- The router: to which ticket each contact belongs and why, calls, and messages that opened no ticket.
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
comment on column router.contact.digest is 'SHA-256 of what the sender said: another body under the same id is a conflict';
create index contact_call on router.contact (call) where call is not null;
create index contact_phone on router.contact (phone, received_at) where phone is not null;
create index contact_number on router.contact (customer_number, received_at) where customer_number is not null;
create index contact_email on router.contact (email, received_at) where email is not null;
create index contact_identity on router.contact (identity, received_at) where identity is not null;

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
comment on table router.kept is 'messages that opened nothing: automatic answers, bounces, resolved alerts';
create index kept_about on router.kept (about) where about is not null;

grant usage on schema router to duban_router, duban_intake;
grant select, insert, update on router.call to duban_router;
grant select, insert on router.kept to duban_router;
grant select, insert on router.contact to duban_router;
grant select on router.contact to duban_intake;
