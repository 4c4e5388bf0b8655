-- Statements of the monitor; one name each.

-- name: nearest
-- The nearest deadlines of some partitions, from an instant on; the pair of time and id is where the last chunk ended.
select ticket_id, partition, version, next_at from ledger.clock
where partition = any(%(partitions)s) and (next_at, ticket_id) > (%(after_at)s, %(after_id)s)
order by next_at, ticket_id
limit %(count)s;

-- name: real_time
select extract(epoch from clock_timestamp())::double precision;
