-- Statements of the ledger; one name each.

-- name: load_tickets
-- As bytes: the contract's own reader is faster than two readers one after the other.
select id, convert_to(body::text, 'UTF8'), trace from ledger.ticket where id = any(%(ids)s);

-- name: load_commands
select id, topic, partition, "offset", outcome, first_version, last_version, ticket_id, commands, digest
from ledger.command
where id = any(%(ids)s);

-- name: load_events
select body::text from ledger.event where ticket_id = %(ticket_id)s and version <= %(last)s order by version;

-- name: next_numbers
-- Numbers are handed out before the decision, so a gap may stay; two tickets never share one.
select nextval('ledger.ticket_number') from generate_series(1, %(count)s);

-- name: insert_tickets
-- What a batch decided comes as one document for each table: one statement, however many rows it has.
insert into ledger.ticket
    (id, number, version, partition, status, phone, customer_number, contact_id, accepted_at, updated_at, closed_at, body,
     trace)
select id, number, version, partition, status, phone, customer_number, contact_id, accepted_at, updated_at, closed_at, body,
    trace
from jsonb_to_recordset(%(rows)s) as told (
    id uuid, number text, version integer, partition integer, status text, phone text, customer_number text,
    contact_id uuid, accepted_at timestamptz, updated_at timestamptz, closed_at timestamptz, body jsonb, trace text);

-- name: update_tickets
-- Changes a row only if nobody else did since it was read; fewer rows than told mean that the race is lost.
update ledger.ticket
set version = told.version, partition = told.partition, status = told.status, phone = told.phone,
    customer_number = told.customer_number, updated_at = told.updated_at, closed_at = told.closed_at,
    saved_at = clock_timestamp(), body = told.body
from jsonb_to_recordset(%(rows)s) as told (
    id uuid, before integer, version integer, partition integer, status text, phone text, customer_number text,
    updated_at timestamptz, closed_at timestamptz, body jsonb)
where ticket.id = told.id and ticket.version = told.before;

-- name: insert_events
insert into ledger.event (ticket_id, version, id, type, at, threshold, body)
select ticket_id, version, id, type, at, threshold, body
from jsonb_to_recordset(%(rows)s) as told (
    ticket_id uuid, version integer, id uuid, type text, at timestamptz, threshold text, body jsonb);

-- name: insert_commands
insert into ledger.command
    (id, digest, ticket_id, topic, partition, "offset", type, outcome, first_version, last_version, refusal, commands,
     decided_at)
select id, decode(digest, 'base64'), ticket_id, topic, partition, "offset", type, outcome, first_version, last_version,
    refusal, commands, decided_at
from jsonb_to_recordset(%(rows)s) as told (
    id uuid, digest text, ticket_id uuid, topic text, partition integer, "offset" bigint, type text, outcome text,
    first_version integer, last_version integer, refusal jsonb, commands jsonb, decided_at timestamptz);

-- name: set_clocks
insert into ledger.clock (ticket_id, partition, version, next_at)
select ticket_id, partition, version, next_at
from jsonb_to_recordset(%(rows)s) as told (ticket_id uuid, partition integer, version integer, next_at timestamptz)
on conflict (ticket_id) do update
set partition = excluded.partition, version = excluded.version, next_at = excluded.next_at, swept_at = null, sweeps = 0;

-- name: clear_clocks
delete from ledger.clock using jsonb_to_recordset(%(rows)s) as told (ticket_id uuid)
where clock.ticket_id = told.ticket_id;

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
-- The month is told in the pack's zone; that of the connection says nothing.
select coalesce(sum((body #>> '{details,amount}')::numeric), 0)
from ledger.event
where type = 'compensated' and body #>> '{actor,name}' = %(person)s and at >= %(since)s and at < %(until)s;

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
