-- Notices with their delivery attempts, and webhooks.
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
    held boolean not null default false,
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
    unique (event_id, audience)
);
comment on column notifier.notice.ways is 'means and address of each way, in the order in which they are tried';
comment on column notifier.notice.way is 'which of them is tried; the next once it has failed for good';
comment on column notifier.notice.until is 'from which stage of its ticket on it is no longer true';
comment on column notifier.notice.held is 'whether it waits for others, to go with them in one letter';
comment on column notifier.notice.sent_at is 'real time';
comment on column notifier.notice.try_at is 'real time of the next attempt; queued_at and settled_at are business time';
create index notice_due on notifier.notice (means, urgency, try_at) where not published;
create index notice_sent on notifier.notice (address, sent_at) where sent_at is not null;
create index notice_failed on notifier.notice (settled_at) where state = 'failed';
create index notice_ticket on notifier.notice (ticket_id);

grant usage on schema notifier to duban_notifier;
grant select, insert, update on notifier.notice to duban_notifier;

create table notifier.attempt (
    notice_id uuid not null references notifier.notice (id),
    at timestamptz not null default clock_timestamp(),
    means text not null,
    outcome text not null,
    provider_id text,
    error text
);
comment on table notifier.attempt is 'every try to send a notice, and every word of a provider about it afterwards';
create index attempt_notice on notifier.attempt (notice_id, at);

create table notifier.subscriber (
    id uuid primary key,
    name text not null unique,
    url text not null,
    events text[] not null,
    secrets jsonb not null,
    disabled text,
    added_at timestamptz not null default clock_timestamp()
);
comment on column notifier.subscriber.secrets is 'newest first, each with the real time until which it counts; they sign, so they cannot be hashed';
comment on column notifier.subscriber.disabled is 'why nothing is sent; null: it is';

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
create index hook_settled on notifier.hook (settled_at) where state = 'delivered';

grant select, insert, update on notifier.subscriber to duban_notifier;
grant select, insert, update, delete on notifier.hook to duban_notifier;
grant select, insert on notifier.attempt to duban_notifier;
