-- Where each contact went, and why.
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
    command jsonb not null,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    received_at timestamptz not null,
    decided_at timestamptz not null
);
comment on column router.contact.digest is 'SHA-256 of what the sender said: another body under the same id is a conflict';
create index contact_phone on router.contact (phone, received_at) where phone is not null;
create index contact_number on router.contact (customer_number, received_at) where customer_number is not null;
create index contact_email on router.contact (email, received_at) where email is not null;
create index contact_identity on router.contact (identity, received_at) where identity is not null;

grant usage on schema router to duban_router, duban_intake;
grant select, insert on router.contact to duban_router;
grant select on router.contact to duban_intake;
