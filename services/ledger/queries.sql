-- Statements of the ledger.

-- name: load_tickets
-- As bytes, so that the model's own decoder is the only one that parses the document.
select id, convert_to(body::text, 'UTF8'), trace from ledger.ticket where id = any(%(ids)s);

-- name: load_named_tickets
-- The tickets that commands name, and on along the merges; before 0.2 only a link said into which ticket one was merged.
with recursive chain (id, survivor) as (
    select null::uuid, unnest(%(ids)s::uuid[])
    union
    select t.id, coalesce(
        (t.body ->> 'merged_into')::uuid,
        case when t.status in ('withdrawn', 'archived') then
            (select (link ->> 'ticket_id')::uuid from jsonb_array_elements(t.body -> 'links') as link
             where link ->> 'kind' = 'merged_into' limit 1)
        end)
    from chain join ledger.ticket t on t.id = chain.survivor
)
select t.id, t.number, t.version, t.pack, t.status, t.body ->> 'customer', chain.survivor
from chain join ledger.ticket t on t.id = chain.id;

-- name: count_similar
-- Of a hot issue's kind, accepted while it began and since; as many as confirm it are enough to know.
select count(*) from (
    select from ledger.ticket
    where pack = %(policy)s and accepted_at > %(since)s and accepted_at <= %(until)s
      and body #>> '{classification,business_type}' = %(business_type)s
      and body #>> '{classification,problem_type}' = %(problem_type)s
      and coalesce(body #>> '{customer,city}', body #>> '{customer,visiting_region}', body #>> '{customer,home_region}')
          = %(region)s
    order by accepted_at
    limit %(enough)s
) as found;

-- name: confirm_tickets
-- Tickets on which the decision about another one relied: unchanged, and locked in order until that one is saved.
select ticket.id
from jsonb_to_recordset(%(rows)s) as incoming (id uuid, version integer)
join ledger.ticket on ticket.id = incoming.id and ticket.version = incoming.version
order by ticket.id
for no key update of ticket;

-- name: load_commands
select id, topic, partition, "offset", outcome, first_version, last_version, ticket_id, commands, digest
from ledger.command
where id = any(%(ids)s);

-- name: load_events
select body::text from ledger.event where ticket_id = %(ticket_id)s and version <= %(last)s order by version;

-- name: known_items
-- Asked only where a ticket had more evidence or links than it has the marks of.
select item from ledger.added_item where ticket_id = %(ticket_id)s and item = any(%(items)s);

-- name: next_running_numbers
-- Taken before the decision, so there may be gaps; two tickets never share a number.
select nextval('ledger.ticket_number') from generate_series(1, %(count)s);

-- name: insert_tickets
-- The rows of a batch come as one JSON document for each table: one statement, however many rows there are.
insert into ledger.ticket
    (id, number, version, partition, status, phone, customer_number, contact_id, accepted_at, updated_at, closed_at, body,
     trace)
select id, number, version, partition, status, phone, customer_number, contact_id, accepted_at, updated_at, closed_at, body,
    trace
from jsonb_to_recordset(%(rows)s) as incoming (
    id uuid, number text, version integer, partition integer, status text, phone text, customer_number text,
    contact_id uuid, accepted_at timestamptz, updated_at timestamptz, closed_at timestamptz, body jsonb, trace text);

-- name: update_tickets
-- Updates a row only if its version is still the one that was loaded; a smaller row count means a lost race.
update ledger.ticket
set version = incoming.version, partition = incoming.partition, status = incoming.status, phone = incoming.phone,
    customer_number = incoming.customer_number, updated_at = incoming.updated_at, closed_at = incoming.closed_at,
    saved_at = clock_timestamp(), body = incoming.body
from jsonb_to_recordset(%(rows)s) as incoming (
    id uuid, before integer, version integer, partition integer, status text, phone text, customer_number text,
    updated_at timestamptz, closed_at timestamptz, body jsonb)
where ticket.id = incoming.id and ticket.version = incoming.before;

-- name: insert_events
insert into ledger.event (ticket_id, version, id, type, at, threshold, body)
select ticket_id, version, id, type, at, threshold, body
from jsonb_to_recordset(%(rows)s) as incoming (
    ticket_id uuid, version integer, id uuid, type text, at timestamptz, threshold text, body jsonb);

-- name: insert_added_items
insert into ledger.added_item (ticket_id, item)
select ticket_id, decode(item, 'hex') from jsonb_to_recordset(%(rows)s) as incoming (ticket_id uuid, item text)
on conflict do nothing;

-- name: insert_commands
insert into ledger.command
    (id, digest, ticket_id, topic, partition, "offset", type, outcome, first_version, last_version, refusal, commands,
     decided_at, sender)
select id, decode(digest, 'base64'), ticket_id, topic, partition, "offset", type, outcome, first_version, last_version,
    refusal, commands, decided_at, sender
from jsonb_to_recordset(%(rows)s) as incoming (
    id uuid, digest text, ticket_id uuid, topic text, partition integer, "offset" bigint, type text, outcome text,
    first_version integer, last_version integer, refusal jsonb, commands jsonb, decided_at timestamptz, sender text);

-- name: set_deadlines
insert into ledger.clock (ticket_id, partition, version, next_at)
select ticket_id, partition, version, next_at
from jsonb_to_recordset(%(rows)s) as incoming (ticket_id uuid, partition integer, version integer, next_at timestamptz)
on conflict (ticket_id) do update
set partition = excluded.partition, version = excluded.version, next_at = excluded.next_at, swept_at = null, sweeps = 0;

-- name: clear_deadlines
delete from ledger.clock using jsonb_to_recordset(%(rows)s) as incoming (ticket_id uuid)
where clock.ticket_id = incoming.ticket_id;

-- name: set_archive_days
insert into ledger.archive_due (ticket_id, version, day)
select ticket_id, version, day from jsonb_to_recordset(%(rows)s) as incoming (ticket_id uuid, version integer, day date)
on conflict (ticket_id) do update set version = excluded.version, day = excluded.day, swept_at = null, sweeps = 0;

-- name: clear_archive_days
delete from ledger.archive_due using jsonb_to_recordset(%(rows)s) as incoming (ticket_id uuid)
where archive_due.ticket_id = incoming.ticket_id;

-- name: take_archive_due
-- A slice of the tickets whose day has come; the pause between two sweeps of a ticket doubles each time.
update ledger.archive_due
set swept_at = clock_timestamp(), sweeps = sweeps + 1
where ticket_id in (
    select ticket_id from ledger.archive_due
    where day <= %(today)s
      and (swept_at is null or swept_at < clock_timestamp() - make_interval(secs => least(3600, 30 * 2 ^ least(sweeps, 10))))
    order by day, ticket_id
    limit %(limit)s
    for update skip locked
)
returning ticket_id, version, sweeps;

-- name: take_overdue
-- Deadlines that have passed without a decision; the pause between two sweeps of a ticket doubles each time.
update ledger.clock
set swept_at = clock_timestamp(), sweeps = sweeps + 1
where ticket_id in (
    select ticket_id from ledger.clock
    where next_at < %(before)s
      and (swept_at is null or swept_at < clock_timestamp() - make_interval(secs => least(3600, 30 * 2 ^ least(sweeps, 10))))
    order by next_at
    limit %(limit)s
    for update skip locked
)
returning ticket_id, version, next_at, sweeps;

-- name: note_takeovers
-- The first of several takeovers counts: its former owner may be the one that publishes late.
insert into ledger.takeover (partition) select unnest(%(partitions)s::integer[]) on conflict (partition) do nothing;

-- name: takeovers
select partition, extract(epoch from clock_timestamp() - since)::float8
from ledger.takeover
where partition = any(%(partitions)s);

-- name: forget_takeovers
delete from ledger.takeover where partition = any(%(partitions)s);

-- name: recently_saved
-- now() is constant within the statement, so the index serves; with clock_timestamp() the whole table is read.
select partition, array_agg(id order by saved_at) from ledger.ticket
where partition = any(%(partitions)s) and saved_at >= now() - make_interval(secs => %(seconds)s)
group by partition;

-- name: create_published_states
create temporary table if not exists published_state (ticket_id uuid not null, "offset" bigint not null, digest bytea);
truncate published_state;

-- name: copy_published_states
copy published_state (ticket_id, "offset", digest) from stdin;

-- name: read_all_rows
set local cursor_tuple_fraction = 1;

-- name: published_states
-- A ticket is always on the same partition, so its last record has the highest offset; no digest means that it was deleted.
select ticket_id, digest
from (select distinct on (ticket_id) ticket_id, digest from published_state order by ticket_id, "offset" desc) as last
where digest is not null
order by ticket_id;

-- name: tickets_in_order
select id, body::text from ledger.ticket order by id;

-- name: changes_in_order
select ticket_id, body::text from ledger.event order by ticket_id, version;

-- name: ticket_with_events
select t.body::text, array_agg(e.body::text order by e.version) from ledger.ticket t join ledger.event e on e.ticket_id = t.id
where t.number = %(number)s
group by t.id;

-- name: lock_grantors
select pg_advisory_xact_lock(hashtextextended(key, 19)) from (select unnest(%(keys)s::text[]) as key order by 1) as sorted;

-- name: granted_by_person
-- The month is given as instants, because it begins and ends in the time zone of the pack.
select coalesce(sum((event.body #>> '{details,amount}')::numeric), 0)
from ledger.event as event join ledger.ticket as ticket on ticket.id = event.ticket_id
where event.type = 'compensated' and event.body #>> '{actor,name}' = %(name)s
    and event.at >= %(since)s and event.at < %(until)s and ticket.pack = %(pack)s;

-- name: granted_by_key
select coalesce(sum((event.body #>> '{details,amount}')::numeric), 0)
from ledger.event as event join ledger.ticket as ticket on ticket.id = event.ticket_id
where event.type = 'compensated' and event.body #>> '{actor,key}' = %(name)s
    and event.at >= %(since)s and event.at < %(until)s and ticket.pack = %(pack)s
    and event.body #>> '{actor,name}' <> all(%(persons)s::text[]);

-- name: case_histories
select t.body::text,
    (select jsonb_agg(jsonb_build_object('type', e.type, 'at', e.at, 'agreement', e.body #>> '{details,agreement}')
            order by e.version)
     from ledger.event e where e.ticket_id = t.id)::text,
    case when (t.body ->> 'clocks_count')::int > jsonb_array_length(t.body -> 'clocks') then
        (select jsonb_agg(jsonb_build_object('clocks', e.body -> 'clocks') order by e.version)
         from ledger.event e where e.ticket_id = t.id)
    end
from ledger.ticket t
where t.accepted_at >= %(since)s and t.accepted_at < %(until)s and t.pack = %(pack)s
order by t.accepted_at;

-- name: tickets_with_running_timer
select t.body::text
from ledger.clock c
join ledger.ticket t on t.id = c.ticket_id
where t.pack = %(pack)s
order by c.next_at;

-- name: tickets_waiting_for_archive
select t.body::text
from ledger.archive_due a
join ledger.ticket t on t.id = a.ticket_id
where t.pack = %(pack)s
order by a.day, a.ticket_id;

-- name: owners_of_running_timers
select t.id, t.status
from ledger.clock c
join ledger.ticket t on t.id = c.ticket_id
where t.pack = %(pack)s
order by c.next_at;

-- name: owners_waiting_for_archive
select t.id, t.status
from ledger.archive_due a
join ledger.ticket t on t.id = a.ticket_id
where t.pack = %(pack)s
order by a.day, a.ticket_id;

-- name: count_owners
select (select count(*) from ledger.clock c join ledger.ticket t on t.id = c.ticket_id where t.pack = %(pack)s),
    (select count(*) from ledger.archive_due a join ledger.ticket t on t.id = a.ticket_id where t.pack = %(pack)s);

-- name: decided_commands
select id from ledger.command where id = any(%(ids)s);
