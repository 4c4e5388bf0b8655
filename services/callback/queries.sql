-- Statements of callback; one name each.

-- name: plan
insert into callback.plan (ticket_id, run, version, state, reason, means, due_at, policy, updated_at)
values (%(ticket_id)s, %(run)s, %(version)s, 'planned', %(reason)s, %(means)s, %(due_at)s, %(policy)s, %(now)s)
on conflict (ticket_id, run) do nothing;

-- name: settle
-- The customer has answered, was given up on, or must not be asked any more.
update callback.plan
set state = %(state)s, reason = %(reason)s, due_at = null, version = %(version)s, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run <= %(run)s and version < %(version)s and state in ('planned', 'asked');

-- name: due
select ticket_id, run, attempts, means, policy from callback.plan
where due_at <= %(now)s and means <> 'phone'
order by due_at
limit 200;

-- name: asked
-- Marked after the command was acknowledged; another instance may have been first, then nothing changes.
update callback.plan
set attempts = attempts + 1, state = 'asked', due_at = %(due_at)s, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and attempts = %(attempts)s and due_at is not null;

-- name: given_up
update callback.plan
set state = 'done', reason = 'no_answer', due_at = null, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and attempts = %(attempts)s and due_at is not null;

-- name: calls
-- Calls by the hour in which they are planned.
select date_trunc('hour', due_at at time zone 'UTC') at time zone 'UTC', count(*) from callback.plan
where means = 'phone' and due_at >= date_trunc('hour', %(since)s::timestamptz at time zone 'UTC') at time zone 'UTC'
group by 1;

-- name: called
update callback.plan
set state = 'asked', attempts = %(attempts)s, due_at = %(due_at)s, version = %(version)s, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and version < %(version)s and state in ('planned', 'asked');

-- name: ask_in_writing
-- The calls are used up; one question in writing is left.
update callback.plan
set state = 'asked', means = %(means)s, attempts = %(last)s, due_at = %(due_at)s, version = %(version)s, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and version < %(version)s and state in ('planned', 'asked');

-- name: move
update callback.plan
set due_at = %(due_at)s, version = %(version)s, updated_at = %(now)s
where ticket_id = %(ticket_id)s and run = %(run)s and version < %(version)s and state in ('planned', 'asked');
