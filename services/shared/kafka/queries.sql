-- Dead letters and the deployment's clock.

-- name: add_dead_letter
insert into plumbing.dead_letter (id, service, topic, sender, reason)
values (%(id)s, %(service)s, %(topic)s, %(sender)s, %(reason)s)
on conflict (id) do nothing;

-- name: bar_sender
-- Bars a sender on a topic if it has more than `limit` unresolved dead letters there within the last (real) hour, and
-- since its bar was lifted last; our own bugs are not its fault. Returns the bar if it is new.
with counted as (
    select count(*) as dead_letters
    from plumbing.dead_letter
    where topic = %(topic)s and sender = %(sender)s and reason <> 'bug' and resolved_at is null
        and at > clock_timestamp() - interval '1 hour'
        and at > coalesce(
            (select max(lifted_at) from plumbing.bar where sender = %(sender)s and topic = %(topic)s), '-infinity'
        )
)
insert into plumbing.bar (sender, topic, until, dead_letters)
select %(sender)s, %(topic)s, clock_timestamp() + make_interval(hours => %(hours)s), dead_letters
from counted
where dead_letters > %(limit)s and not exists (
    select 1 from plumbing.bar
    where sender = %(sender)s and topic = %(topic)s and lifted_at is null and until > clock_timestamp()
)
returning sender, topic, since, until, dead_letters;

-- name: bars
select sender, topic, since, until, dead_letters
from plumbing.bar
where lifted_at is null and until > clock_timestamp()
order by since;

-- name: lift_bars
update plumbing.bar set lifted_at = clock_timestamp()
where sender = %(sender)s and lifted_at is null and until > clock_timestamp();

-- name: count_bugs
select count(*)
from plumbing.dead_letter
where topic = %(topic)s and service = %(service)s and reason = 'bug' and resolved_at is null
    and at > clock_timestamp() - make_interval(mins => %(minutes)s);

-- name: resolve_dead_letter
update plumbing.dead_letter set resolved_at = clock_timestamp() where id = %(id)s;

-- name: load_clock
select scale, real_origin, business_origin, environment from plumbing.deployment;

-- name: store_clock
-- The first call decides; later calls change nothing, so business time never jumps (DESIGN 5).
insert into plumbing.deployment (scale, real_origin, business_origin, environment)
values (%(scale)s, clock_timestamp(), coalesce(%(business_origin)s::timestamptz, clock_timestamp()), %(environment)s)
on conflict (single) do nothing;
