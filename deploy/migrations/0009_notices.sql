-- Delivery reports refer to an attempt; a notice stores its quiet hours, when it is obsolete, and since when it is tried.
alter table notifier.notice
    add column turn integer not null default 0,
    add column begun_at timestamptz not null default clock_timestamp(),
    add column held_until timestamptz,
    add column quiet_from time,
    add column quiet_until time,
    add column zone text,
    add column run integer not null default 0,
    add column clock text;
update notifier.notice set held_until = try_at where held;
alter table notifier.notice drop column held;
comment on column notifier.notice.turn is 'how often it has begun anew, by another way or by hand; it is handed over under another id each time';
comment on column notifier.notice.begun_at is 'real time since which it waits to be sent by its present means';
comment on column notifier.notice.held_until is 'real time at which it goes in one letter with all others of its address; null: it goes alone';
comment on column notifier.notice.quiet_from is 'local hours of the zone in which it is not sent; null: none';
comment on column notifier.notice.run is 'of its ticket; what is told of one run is mostly not true in the next';
comment on column notifier.notice.clock is 'clock/run/limit of its ticket that it is about, if it is';

alter table notifier.attempt
    add column turn integer not null default 0,
    add column handed text,
    add column parts integer;
update notifier.attempt set handed = notice_id::text where outcome = 'sent';
comment on column notifier.attempt.handed is 'the id under which it was handed over: a report names it, or the provider''s own id';
comment on column notifier.attempt.parts is 'how many messages an SMS was';
create index attempt_handed on notifier.attempt (handed) where outcome = 'sent';
create index attempt_provider on notifier.attempt (provider_id, at) where outcome = 'sent';

create table notifier.report (
    id bigint generated always as identity primary key,
    named text not null,
    state text not null check (state in ('delivered', 'failed')),
    reason text,
    at timestamptz not null default clock_timestamp()
);
comment on table notifier.report is 'words of providers about what they took, until the attempt that they name is saved';
grant select, insert, update, delete on notifier.report to duban_notifier;
