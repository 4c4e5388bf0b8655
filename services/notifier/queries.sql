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
