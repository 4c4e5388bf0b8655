-- Every notice, and the proof of what became of it.
create schema notifier;

create table notifier.notice (
    id uuid primary key,
    event_id uuid not null,
    ticket_id uuid not null,
    ticket_number text not null,
    audience text not null,
    template text not null,
    language text not null,
    means text not null,
    address text,
    context jsonb not null,
    state text not null default 'queued' check (state in ('queued', 'sent', 'failed')),
    attempts integer not null default 0,
    try_at timestamptz not null default clock_timestamp(),
    queued_at timestamptz not null,
    settled_at timestamptz,
    provider_id text,
    error text,
    published boolean not null default false,
    unique (event_id, audience)
);
comment on column notifier.notice.try_at is 'real time of the next attempt; queued_at and settled_at are business time';
create index notice_due on notifier.notice (means, try_at) where not published;
create index notice_ticket on notifier.notice (ticket_id);

grant usage on schema notifier to duban_notifier;
grant select, insert, update on notifier.notice to duban_notifier;
