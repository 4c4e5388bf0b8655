-- Statements of the ledger; one name each.

-- name: load_tickets
-- As text: the contract's own reader is faster than two readers one after the other.
select id, body::text, trace from ledger.ticket where id = any(%(ids)s);

-- name: load_commands
select id, topic, partition, "offset", outcome, first_version, last_version, ticket_id, commands, digest
from ledger.command
where id = any(%(ids)s);

-- name: load_events
select body::text from ledger.event where ticket_id = %(ticket_id)s and version <= %(last)s order by version;

-- name: next_numbers
-- Numbers are handed out before the decision, so a gap may stay; two tickets never share one.
select nextval('ledger.ticket_number') from generate_series(1, %(count)s);

-- name: insert_ticket
insert into ledger.ticket
    (id, number, version, partition, status, phone, customer_number, contact_id, accepted_at, updated_at, closed_at, body,
     trace)
values
    (%(id)s, %(number)s, %(version)s, %(partition)s, %(status)s, %(phone)s, %(customer_number)s, %(contact_id)s,
     %(accepted_at)s, %(updated_at)s, %(closed_at)s, %(body)s, %(trace)s);

-- name: update_ticket
-- Changes the row only if nobody else did since it was read; a count of 0 means that the race is lost.
update ledger.ticket
set version = %(version)s, partition = %(partition)s, status = %(status)s, phone = %(phone)s,
    customer_number = %(customer_number)s, updated_at = %(updated_at)s, closed_at = %(closed_at)s,
    saved_at = clock_timestamp(), body = %(body)s
where id = %(id)s and version = %(before)s;

-- name: insert_event
insert into ledger.event (ticket_id, version, id, type, at, threshold, body)
values (%(ticket_id)s, %(version)s, %(id)s, %(type)s, %(at)s, %(threshold)s, %(body)s);

-- name: insert_command
insert into ledger.command
    (id, digest, ticket_id, topic, partition, "offset", type, outcome, first_version, last_version, refusal, commands,
     decided_at)
values
    (%(id)s, %(digest)s, %(ticket_id)s, %(topic)s, %(partition)s, %(offset)s, %(type)s, %(outcome)s, %(first_version)s,
     %(last_version)s, %(refusal)s, %(commands)s, %(decided_at)s);

-- name: set_clock
insert into ledger.clock (ticket_id, partition, version, next_at)
values (%(ticket_id)s, %(partition)s, %(version)s, %(next_at)s)
on conflict (ticket_id) do update
set partition = excluded.partition, version = excluded.version, next_at = excluded.next_at, swept_at = null, sweeps = 0;

-- name: clear_clock
delete from ledger.clock where ticket_id = %(ticket_id)s;

-- name: overdue
-- Thresholds that nobody has decided although they are due; the spacing doubles for each sweep of a ticket.
update ledger.clock
set swept_at = clock_timestamp(), sweeps = sweeps + 1
where ticket_id in (
    select ticket_id from ledger.clock
    where next_at < %(before)s
      and (swept_at is null or swept_at < clock_timestamp() - make_interval(secs => least(3600, 30 * 2 ^ least(sweeps, 10))))
    order by next_at
    limit %(most)s
    for update skip locked
)
returning ticket_id, version, next_at, sweeps;

-- name: changed_since
-- The tickets of some partitions that were saved within the last (real) seconds.
select partition, array_agg(id order by saved_at) from ledger.ticket
where partition = any(%(partitions)s) and saved_at >= clock_timestamp() - make_interval(secs => %(seconds)s)
group by partition;

-- name: every_ticket
select t.body::text, array_agg(e.body::text order by e.version) from ledger.ticket t join ledger.event e on e.ticket_id = t.id
group by t.id;

-- name: story
select t.body::text, array_agg(e.body::text order by e.version) from ledger.ticket t join ledger.event e on e.ticket_id = t.id
where t.number = %(number)s
group by t.id;

-- name: spent
select body #>> '{actor,name}', sum((body #>> '{details,amount}')::numeric)
from ledger.event
where type = 'compensated' and body #>> '{actor,name}' = any(%(persons)s) and at >= date_trunc('month', %(now)s::timestamptz)
group by 1;

-- name: history
-- Tickets of a pack that were accepted in a range, each with what figures need of its events.
select t.body::text,
    (select jsonb_agg(jsonb_build_object('type', e.type, 'at', e.at, 'agreement', e.body #>> '{details,agreement}')
            order by e.version)
     from ledger.event e where e.ticket_id = t.id)::text
from ledger.ticket t
where t.accepted_at >= %(since)s and t.accepted_at < %(until)s and t.body #>> '{policy,pack}' = %(pack)s
order by t.accepted_at;

-- name: running
select t.body::text
from ledger.clock c
join ledger.ticket t on t.id = c.ticket_id
where t.body #>> '{policy,pack}' = %(pack)s
order by c.next_at;
