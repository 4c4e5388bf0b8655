-- Statements of the notifier; one name each.

-- name: queue
insert into notifier.notice
    (id, event_id, ticket_id, ticket_number, audience, template, language, means, address, context, queued_at)
values
    (%(id)s, %(event_id)s, %(ticket_id)s, %(ticket_number)s, %(audience)s, %(template)s, %(language)s, %(means)s,
     %(address)s, %(context)s, %(queued_at)s)
on conflict do nothing;

-- name: take
-- Takes notices for as long as the lease; a worker that dies gives them back by not settling them.
update notifier.notice
set try_at = clock_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + (state = 'queued')::int
where id in (
    select id from notifier.notice
    where means = %(means)s and not published and try_at <= clock_timestamp()
    order by try_at
    limit %(most)s
    for update skip locked
)
returning id, event_id, ticket_id, ticket_number, audience, template, language, means, address, context, state, attempts,
    settled_at, provider_id, error;

-- name: settle
update notifier.notice
set state = %(state)s, settled_at = %(settled_at)s, provider_id = %(provider_id)s, error = %(error)s
where id = %(id)s;

-- name: retry
update notifier.notice
set try_at = clock_timestamp() + make_interval(secs => %(seconds)s), error = %(error)s
where id = %(id)s;

-- name: give_back
-- Not tried after all: due at once, and no attempt is counted.
update notifier.notice set try_at = clock_timestamp(), attempts = attempts - 1 where id = any(%(ids)s);

-- name: published
update notifier.notice set published = true where id = any(%(ids)s);

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
