-- Statements of the callback service.

-- name: load_plans
-- Ordered by run, and locked until the end of the transaction.
select ticket_id, run, version, state, reason, attempts, means, due_at, until_at, policy, centre, zone, contact_hours, script
from callback.plan
where ticket_id = any(%(tickets)s)
order by ticket_id, run
for update;

-- name: save_plan
-- A plan that was changed by a later event stays as it is.
insert into callback.plan (ticket_id, run, version, state, reason, attempts, means, due_at, until_at, policy, centre, zone,
    contact_hours, script, updated_at)
values (%(ticket_id)s, %(run)s, %(version)s, %(state)s, %(reason)s, %(attempts)s, %(means)s, %(due_at)s, %(until_at)s,
    %(policy)s, %(centre)s, %(zone)s, %(contact_hours)s, %(script)s, %(now)s)
on conflict (ticket_id, run) do update
set version = excluded.version, state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
    means = excluded.means, due_at = excluded.due_at, until_at = excluded.until_at, policy = excluded.policy,
    centre = excluded.centre, zone = excluded.zone, contact_hours = excluded.contact_hours, script = excluded.script,
    updated_at = excluded.updated_at
where plan.version < excluded.version;

-- name: due_plans
select ticket_id, run, version, state, reason, attempts, means, due_at, until_at, policy, centre, zone, contact_hours, script
from callback.plan
where due_at <= %(now)s and until_at > %(now)s and means <> 'phone'
order by due_at
limit 200;

-- name: missed_plans
-- The customer's hours of that day are over, and the customer was not asked.
select ticket_id, run, version, state, reason, attempts, means, due_at, until_at, policy, centre, zone, contact_hours, script
from callback.plan
where until_at <= %(now)s
order by until_at
limit 200
for update skip locked;

-- name: reschedule_plan
-- Changes nothing if another instance was first, or an event has changed the plan since it was read.
update callback.plan
set state = %(state)s, reason = %(reason)s, attempts = %(attempts)s, due_at = %(due_at)s, until_at = %(until_at)s,
    updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and attempts = %(had_attempts)s and due_at = %(was_due_at)s;

-- name: count_calls
-- Planned calls by team and full hour (UTC); an overdue call counts for the present hour.
select policy, centre,
    date_trunc('hour', greatest(due_at, %(now)s) at time zone 'UTC') at time zone 'UTC',
    count(*)
from callback.plan
where means = 'phone' and due_at is not null
group by 1, 2, 3;

-- name: add_sample
insert into callback.sample (name, policy, accepted_from, accepted_until, size, strata, seed, population, tickets, drawn_at)
values (%(name)s, %(policy)s, %(accepted_from)s, %(accepted_until)s, %(size)s, %(strata)s, %(seed)s, %(population)s, %(tickets)s,
    %(drawn_at)s)
on conflict (name) do nothing;

-- name: load_samples
select name, policy, accepted_from, accepted_until, size, strata, seed, population, tickets, drawn_at
from callback.sample
where %(name)s::text is null or name = %(name)s
order by drawn_at, name;
