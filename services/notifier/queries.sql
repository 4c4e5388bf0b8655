-- Statements of the notifier, loaded by name.

-- name: queue
insert into notifier.notice
    (id, event_id, ticket_id, ticket_number, audience, template, language, ways, means, address, urgency, until, run, clock,
     quiet_from, quiet_until, zone, paper, digest_over, context, queued_at)
values
    (%(id)s, %(event_id)s, %(ticket_id)s, %(ticket_number)s, %(audience)s, %(template)s, %(language)s, %(ways)s, %(means)s,
     %(address)s, %(urgency)s, %(until)s, %(run)s, %(clock)s, %(quiet_from)s, %(quiet_until)s, %(zone)s, %(attach_pdf)s,
     %(digest_over)s, %(context)s, %(queued_at)s)
on conflict do nothing;

-- name: whole_details
-- Of events whose texts were cut on the topic: a letter to a customer holds the whole text.
select id, body -> 'details' from ledger.event where id = any(%(ids)s);

-- name: due
select id from notifier.notice
where means = %(means)s and not published and try_at <= clock_timestamp()
order by urgency, try_at
limit %(limit)s
for update skip locked;

-- name: due_held
-- Those held for a digest to one of these addresses.
select id from notifier.notice
where means = %(means)s and not published and state = 'queued' and try_at <= clock_timestamp()
    and address = any(%(addresses)s) and held_until is not null
for update skip locked;

-- name: due_overdue
-- Those that have waited too long for an unavailable provider; they fall back to their next channel without an attempt.
select id from notifier.notice
where means = %(means)s and not published and state = 'queued' and try_at <= clock_timestamp()
    and begun_at < clock_timestamp() - make_interval(secs => case
        when way + 1 >= jsonb_array_length(ways) then %(last_patience)s
        when urgency = 1 then %(patience_1)s
        when urgency = 2 then %(patience_2)s
        else %(patience_3)s end)
order by urgency, try_at
limit %(limit)s
for update skip locked;

-- name: lease
-- The columns come in the order of LeasedNotice. The lease of a worker that dies expires by itself.
update notifier.notice n
set try_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + (n.state = 'queued')::int
where n.id = any(%(ids)s)
returning n.id, event_id, ticket_id, ticket_number, audience, template, language, means, address,
    way + 1 >= jsonb_array_length(ways), turn, urgency, until, run, clock, quiet_from, quiet_until, zone, paper, digest_over,
    held_until, context, state, attempts, begun_at, try_at, extract(epoch from clock_timestamp() - begun_at)::float8,
    settled_at, provider_id, error,
    (select jsonb_build_object(
        'status', status,
        'run', coalesce((body ->> 'run')::int, 1),
        'acted', coalesce((body ->> 'acted_in_stage')::bool, false),
        'settled', coalesce(body -> 'settlement', 'null') <> 'null',
        'surveyed', coalesce(body -> 'survey', 'null') <> 'null',
        'callback_ended', body ->> 'callback_ended',
        'running', array(
            select (c ->> 'name') || '/' || coalesce(c ->> 'run', '1') || '/' || coalesce(c ->> 'limit', '1')
            from jsonb_array_elements(coalesce(body -> 'clocks', '[]')) c
            where c ->> 'stopped_at' is null and c ->> 'paused_at' is null
        )
    ) from ledger.ticket t where t.id = n.ticket_id);

-- name: still_leased
-- Rows are locked in the same order by every worker, so that no two block each other.
select n.id from notifier.notice n
join unnest(%(ids)s::uuid[], %(leases)s::timestamptz[]) as held(id, lease) on n.id = held.id and n.try_at = held.lease
order by n.id
for no key update of n;

-- name: settle
update notifier.notice
set state = %(state)s, settled_at = %(settled_at)s, provider_id = %(provider_id)s, error = %(error)s,
    sent_at = case when %(state)s = 'sent' then clock_timestamp() else sent_at end
where id = %(id)s;

-- name: record_attempt
insert into notifier.attempt (notice_id, turn, means, outcome, handed, provider_id, error, parts)
values (%(notice_id)s, %(generation)s, %(means)s, %(outcome)s, %(send_id)s, %(provider_id)s, %(error)s, %(parts)s);

-- name: schedule_retry
update notifier.notice
set try_at = clock_timestamp() + make_interval(secs => %(seconds)s), error = %(error)s
where id = %(id)s;

-- name: fall_back
-- The next channel, due at once.
update notifier.notice
set way = way + 1, means = ways -> (way + 1) ->> 0, address = ways -> (way + 1) ->> 1, attempts = 0, state = 'queued',
    turn = turn + 1, published = false, held_until = null, settled_at = null, begun_at = clock_timestamp(),
    try_at = clock_timestamp(), error = %(error)s
where id = %(id)s and turn = %(generation)s and way + 1 < jsonb_array_length(ways);

-- name: hold
-- Not tried: the notices of one recipient are held until the present minute ends, the same instant for all of them.
update notifier.notice n
set held_until = minute.ends, try_at = minute.ends, begun_at = minute.ends, attempts = attempts - 1
from unnest(%(ids)s::uuid[], %(leases)s::timestamptz[]) as held(id, lease),
    (select to_timestamp((floor(extract(epoch from clock_timestamp()) / %(minute)s) + 1) * %(minute)s) as ends) as minute
where n.id = held.id and n.try_at = held.lease;

-- name: recently_sent
select address, count(*) from notifier.notice
where address = any(%(addresses)s) and sent_at > clock_timestamp() - make_interval(secs => %(minute)s)
group by address;

-- name: release
-- Not tried: due at once, and the attempt is not counted.
update notifier.notice n set try_at = clock_timestamp(), attempts = attempts - 1
from unnest(%(ids)s::uuid[], %(leases)s::timestamptz[]) as held(id, lease)
where n.id = held.id and n.try_at = held.lease;

-- name: postpone
update notifier.notice
set try_at = clock_timestamp() + make_interval(secs => %(seconds)s), attempts = attempts - 1,
    begun_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where id = %(id)s;

-- name: save_report
insert into notifier.report (named, state, reason) values (%(reference)s, %(state)s, %(reason)s);

-- name: matched_reports
-- Reports about attempts that are recorded, oldest first; a combined letter is an attempt of several notices.
with matched as (
    select r.id, r.state, r.reason, sent.handed
    from notifier.report r
    join lateral (
        select handed from notifier.attempt
        where outcome = 'sent' and (handed = r.named or provider_id = r.named)
        order by at desc
        limit 1
    ) sent on true
    order by r.id
    limit 500
    for update of r skip locked
)
select matched.id, matched.state, matched.reason, matched.handed, a.notice_id, a.turn, a.means
from matched join notifier.attempt a on a.handed = matched.handed and a.outcome = 'sent'
order by matched.id;

-- name: delete_reports
delete from notifier.report where id = any(%(ids)s);

-- name: delete_expired_reports
-- No attempt was ever made under the ids that they name.
delete from notifier.report where at < clock_timestamp() - make_interval(days => %(days)s);

-- name: mark_delivered
update notifier.notice set state = 'delivered', published = false, try_at = clock_timestamp()
where id = %(id)s and turn = %(generation)s and state = 'sent';

-- name: mark_failed
update notifier.notice set state = 'failed', error = %(error)s, settled_at = %(now)s, published = false, try_at = clock_timestamp()
where id = %(id)s and turn = %(generation)s and state in ('sent', 'delivered');

-- name: undelivered
-- Newest first.
select n.id, n.ticket_number, n.audience, n.template, n.means, n.error, n.settled_at
from notifier.notice n
where n.state = 'failed' and n.settled_at >= %(since)s and (%(means)s::text is null or n.means = %(means)s)
order by n.settled_at desc
limit %(limit)s;

-- name: requeue_failed
-- From the first channel on, in a new generation: a provider may drop a repeat of a send id that it has given up.
update notifier.notice
set way = 0, means = ways -> 0 ->> 0, address = ways -> 0 ->> 1, turn = turn + 1, attempts = 0, state = 'queued',
    published = false, held_until = null, settled_at = null, begun_at = clock_timestamp(), try_at = clock_timestamp()
where state = 'failed' and settled_at >= %(since)s and (%(means)s::text is null or means = %(means)s)
    and (%(ids)s::uuid[] is null or id = any(%(ids)s)) and jsonb_array_length(ways) > 0;

-- name: unchanged
select n.id from notifier.notice n
join unnest(%(ids)s::uuid[], %(generations)s::integer[], %(states)s::text[]) as settled(id, turn, state)
    on n.id = settled.id and n.turn = settled.turn and n.state = settled.state;

-- name: mark_published
-- Unless a report has changed the notice meanwhile.
update notifier.notice n set published = true
from unnest(%(ids)s::uuid[], %(generations)s::integer[], %(states)s::text[]) as settled(id, turn, state)
where n.id = settled.id and n.turn = settled.turn and n.state = settled.state;

-- name: add_subscriber
insert into notifier.subscriber (id, name, url, events, secrets, private)
values (%(id)s, %(name)s, %(url)s, %(events)s, %(secrets)s, %(private)s)
on conflict (name) do nothing;

-- name: subscribers
-- The secrets that have not expired; the newest has no expiry.
select id, name, url, events,
    array(
        select entry ->> 'secret' from jsonb_array_elements(secrets) with ordinality as t(entry, position)
        where entry ->> 'until' is null or (entry ->> 'until')::timestamptz > clock_timestamp()
        order by position
    ),
    disabled, private
from notifier.subscriber
order by name;

-- name: rotate_secret
update notifier.subscriber
set secrets = jsonb_build_array(
    jsonb_build_object('secret', %(secret)s::text),
    (secrets -> 0) || jsonb_build_object('until', clock_timestamp() + %(overlap)s)
)
where name = %(name)s;

-- name: disable
update notifier.subscriber set disabled = %(reason)s where name = %(name)s;

-- name: lock_subscriber
-- From here on nothing is queued for it: `queue_delivery` waits for this lock and then finds no row.
select from notifier.subscriber where name = %(name)s for update;

-- name: delete_deliveries
delete from notifier.hook where subscriber_id = (select id from notifier.subscriber where name = %(name)s);

-- name: delete_subscriber
delete from notifier.subscriber where name = %(name)s;

-- name: queue_delivery
-- Queues nothing for a subscriber that was removed meanwhile.
insert into notifier.hook (subscriber_id, event_id, ticket_id, version, type, body)
select id, %(event_id)s, %(ticket_id)s, %(version)s, %(type)s, %(body)s
from notifier.subscriber where id = %(subscriber_id)s
for key share
on conflict do nothing;

-- name: lease_deliveries
-- Only the oldest message of each ticket: later ones wait for it, so that the order of a ticket is kept.
update notifier.hook
set try_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + 1
where subscriber_id = %(subscriber_id)s and event_id in (
    select event_id from notifier.hook due
    where subscriber_id = %(subscriber_id)s and state = 'queued' and try_at <= clock_timestamp()
      and not exists (
        select from notifier.hook earlier
        where earlier.subscriber_id = due.subscriber_id and earlier.ticket_id = due.ticket_id
          and earlier.state = 'queued' and earlier.version < due.version
    )
    order by try_at
    limit %(limit)s
    for update skip locked
)
returning event_id, ticket_id, version, body, attempts;

-- name: settle_delivery
update notifier.hook
set state = %(state)s, status = %(status)s, error = %(error)s, settled_at = clock_timestamp()
where subscriber_id = %(subscriber_id)s and event_id = %(event_id)s;

-- name: retry_delivery
update notifier.hook
set status = %(status)s, error = %(error)s, try_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where subscriber_id = %(subscriber_id)s and event_id = %(event_id)s;

-- name: redeliver
update notifier.hook
set state = 'queued', attempts = 0, try_at = clock_timestamp(), settled_at = null
where subscriber_id = (select id from notifier.subscriber where name = %(name)s)
  and (state = 'failed' or (%(everything)s and state = 'delivered') or (state = 'queued' and attempts > 0))
  and queued_at >= %(since)s;

-- name: delivery_counts
select subscriber_id, state, count(*) from notifier.hook group by 1, 2;

-- name: delete_expired_deliveries
-- In steps, so that no transaction is long.
delete from notifier.hook where ctid = any (array(
    select ctid from notifier.hook where queued_at < %(before)s limit 5000
));
