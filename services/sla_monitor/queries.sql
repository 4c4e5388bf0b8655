-- Statements of the SLA monitor.

-- name: nearest_deadlines
-- Keyset pagination: (after_at, after_id) is the last row of the chunk before.
select extract(epoch from next_at)::double precision, version, uuid_send(ticket_id), partition from ledger.clock
where partition = any(%(partitions)s)
  and (next_at, ticket_id) > (to_timestamp(%(after_at)s), encode(%(after_id)s, 'hex')::uuid)
order by next_at, ticket_id
limit %(count)s;
