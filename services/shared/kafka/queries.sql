-- Dead letters and the deployment's clock.

-- name: count_dead_letter
-- Stores a dead letter once; returns how many unresolved ones its sender has on the topic within the last (real) hour.
with new as (
    insert into plumbing.dead_letter (id, service, topic, sender, reason)
    values (%(id)s, %(service)s, %(topic)s, %(sender)s, %(reason)s)
    on conflict (id) do nothing
    returning 1
)
select count(*) + (select count(*) from new)
from plumbing.dead_letter
where topic = %(topic)s and sender = %(sender)s and resolved_at is null and at > clock_timestamp() - interval '1 hour';

-- name: resolve_dead_letter
update plumbing.dead_letter set resolved_at = clock_timestamp() where id = %(id)s;

-- name: load_clock
select scale, real_origin, business_origin, environment from plumbing.deployment;

-- name: store_clock
-- The first call decides; later calls change nothing, so business time never jumps (DESIGN 5).
insert into plumbing.deployment (scale, real_origin, business_origin, environment)
values (%(scale)s, clock_timestamp(), coalesce(%(business_origin)s::timestamptz, clock_timestamp()), %(environment)s)
on conflict (single) do nothing;
