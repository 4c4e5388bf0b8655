-- Statements of the notifier; one name each.

-- name: queue
insert into notifier.notice
    (id, event_id, ticket_id, ticket_number, audience, template, language, ways, means, address, urgency, until, paper,
     digest_over, context, queued_at, try_at)
values
    (%(id)s, %(event_id)s, %(ticket_id)s, %(ticket_number)s, %(audience)s, %(template)s, %(language)s, %(ways)s, %(means)s,
     %(address)s, %(urgency)s, %(until)s, %(paper)s, %(digest_over)s, %(context)s, %(queued_at)s,
     clock_timestamp() + make_interval(secs => %(wait)s))
on conflict do nothing;

-- name: take
-- Takes notices for as long as the lease; a worker that dies gives them back by not settling them.
with mine as (
    select id from notifier.notice
    where means = %(means)s and not published and try_at <= clock_timestamp()
    order by urgency, try_at
    limit %(most)s
    for update skip locked
)
update notifier.notice n
set try_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + (n.state = 'queued')::int
from mine
where n.id = mine.id
returning n.id, event_id, ticket_id, ticket_number, audience, template, language, ways, way, means, address, urgency, until,
    paper, digest_over, held, context, state, attempts, settled_at, provider_id, error,
    (select status from ledger.ticket t where t.id = n.ticket_id);

-- name: settle
update notifier.notice
set state = %(state)s, settled_at = %(settled_at)s, provider_id = %(provider_id)s, error = %(error)s,
    sent_at = case when %(state)s = 'sent' then clock_timestamp() else sent_at end
where id = %(id)s;

-- name: attempt
insert into notifier.attempt (notice_id, means, outcome, provider_id, error)
values (%(id)s, %(means)s, %(outcome)s, %(provider_id)s, %(error)s);

-- name: retry
update notifier.notice
set try_at = clock_timestamp() + make_interval(secs => %(seconds)s), error = %(error)s
where id = %(id)s;

-- name: fall_back
-- The next way, at once.
update notifier.notice
set way = way + 1, means = ways -> (way + 1) ->> 0, address = ways -> (way + 1) ->> 1, attempts = 0, state = 'queued',
    published = false, held = false, settled_at = null, try_at = clock_timestamp(), error = %(error)s
where id = %(id)s and way + 1 < jsonb_array_length(ways)
returning id;

-- name: hold
-- Not tried after all: the notices of one reader gather until the minute is over.
update notifier.notice
set held = true, attempts = attempts - 1,
    try_at = clock_timestamp() + make_interval(secs => %(minute)s)
where id = any(%(ids)s);

-- name: sent_lately
select address, count(*) from notifier.notice
where address = any(%(addresses)s) and sent_at > clock_timestamp() - make_interval(secs => %(minute)s)
group by address;

-- name: give_back
-- Not tried after all: due at once, and no attempt is counted.
update notifier.notice set try_at = clock_timestamp(), attempts = attempts - 1 where id = any(%(ids)s);

-- name: failed_notice
-- A provider says afterwards that what it took did not arrive.
select id, ticket_id, template, audience, means, state from notifier.notice where id = %(id)s for update;

-- name: give_up
update notifier.notice set state = 'failed', error = %(error)s, settled_at = %(now)s, published = false, try_at = clock_timestamp()
where id = %(id)s;

-- name: received
update notifier.notice set state = 'delivered', published = false, try_at = clock_timestamp()
where id = %(id)s and state = 'sent';

-- name: undeliverable
select id, ticket_number, audience, template, means, error, settled_at from notifier.notice
where state = 'failed'
order by settled_at desc
limit 200;

-- name: published
-- Unless a provider has said something new meanwhile.
update notifier.notice n set published = true
from unnest(%(ids)s::uuid[], %(states)s::text[]) as told(id, state)
where n.id = told.id and n.state = told.state;

-- name: add_subscriber
insert into notifier.subscriber (id, name, url, events, secrets)
values (%(id)s, %(name)s, %(url)s, %(events)s, %(secrets)s)
on conflict (name) do nothing;

-- name: subscribers
-- A secret counts until its own end; the newest has none.
select id, name, url, events,
    array(
        select each ->> 'secret' from jsonb_array_elements(secrets) with ordinality as t(each, place)
        where each ->> 'until' is null or (each ->> 'until')::timestamptz > clock_timestamp()
        order by place
    ),
    disabled
from notifier.subscriber
order by name;

-- name: rotate
update notifier.subscriber
set secrets = jsonb_build_array(
    jsonb_build_object('secret', %(secret)s::text),
    (secrets -> 0) || jsonb_build_object('until', clock_timestamp() + %(overlap)s)
)
where name = %(name)s;

-- name: disable
update notifier.subscriber set disabled = %(reason)s where name = %(name)s;

-- name: queue_hook
insert into notifier.hook (subscriber_id, event_id, ticket_id, version, type, body)
values (%(subscriber_id)s, %(event_id)s, %(ticket_id)s, %(version)s, %(type)s, %(body)s)
on conflict do nothing;

-- name: take_hooks
-- The oldest of each ticket alone: what comes later waits for it, so the order of a ticket is kept.
update notifier.hook
set try_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + 1
where subscriber_id = %(subscriber_id)s and event_id in (
    select event_id from notifier.hook h
    where subscriber_id = %(subscriber_id)s and state = 'queued' and try_at <= clock_timestamp()
      and not exists (
        select from notifier.hook e
        where e.subscriber_id = h.subscriber_id and e.ticket_id = h.ticket_id and e.state = 'queued' and e.version < h.version
    )
    order by try_at
    limit %(most)s
    for update skip locked
)
returning event_id, ticket_id, version, body, attempts;

-- name: settle_hook
update notifier.hook
set state = %(state)s, status = %(status)s, error = %(error)s, settled_at = clock_timestamp()
where subscriber_id = %(subscriber_id)s and event_id = %(event_id)s;

-- name: retry_hook
update notifier.hook
set status = %(status)s, error = %(error)s, try_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where subscriber_id = %(subscriber_id)s and event_id = %(event_id)s;

-- name: redeliver
update notifier.hook
set state = 'queued', attempts = 0, try_at = clock_timestamp(), settled_at = null
where subscriber_id = (select id from notifier.subscriber where name = %(name)s)
  and (state = 'failed' or (%(everything)s and state = 'delivered') or (state = 'queued' and attempts > 0))
  and queued_at >= %(since)s;

-- name: hook_counts
select subscriber_id, state, count(*) from notifier.hook group by 1, 2;

-- name: forget_hooks
delete from notifier.hook where ctid = any (array(
    select ctid from notifier.hook where state = 'delivered' and settled_at < %(before)s limit 5000
));
