-- Statements of the monitor; one name each.

-- name: nearest
-- The nearest deadlines of some partitions, from an instant on; the pair of time and id is where the last chunk ended.
select extract(epoch from next_at)::double precision, version, uuid_send(ticket_id), partition from ledger.clock
where partition = any(%(partitions)s)
  and (next_at, ticket_id) > (to_timestamp(%(after_at)s), encode(%(after_id)s, 'hex')::uuid)
order by next_at, ticket_id
limit %(count)s;
