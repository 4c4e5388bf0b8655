-- Named queries of intake.

-- name: senders
select name, key_hash, policy, channels, actions, per_minute from intake.sender where revoked_at is null;

-- name: add_sender
insert into intake.sender (name, key_hash, policy, channels, actions, per_minute)
values (%(name)s, %(key_hash)s, %(policy)s, %(channels)s, %(actions)s, %(per_minute)s)
on conflict (name) do update
set key_hash = excluded.key_hash, policy = excluded.policy, channels = excluded.channels, actions = excluded.actions,
    per_minute = excluded.per_minute,
    revoked_at = null;

-- name: all_senders
select name, policy, channels, actions, per_minute, created_at, revoked_at from intake.sender order by name;

-- name: revoke_sender
update intake.sender set revoked_at = clock_timestamp() where name = %(name)s and revoked_at is null;

-- name: contact
select c.id, c.sender, c.ticket_id, c.disposition, c.reason, t.number, t.status, t.body ->> 'promised_at', t.version
from router.contact c
left join ledger.ticket t on t.id = c.ticket_id
where c.id = %(id)s;

-- name: ticket_by_number
select id, version from ledger.ticket where number = %(number)s;

-- name: due_calls
-- By priority, then by due time, within the customer's calling hours, without calls that an agent has taken. A plan may lag
-- behind its ticket, so the ticket's own state is checked as well.
select t.id, t.version, t.number, p.due_at, p.until_at, p.attempts, t.body #>> '{customer,name}', t.phone,
    t.body ->> 'subject', t.body #>> '{outcome,result}', t.body #>> '{outcome,explanation}',
    (t.body #>> '{classification,priority}')::int, (t.body #>> '{classification,vip}')::boolean, p.script, p.policy, p.centre
from callback.plan p
join ledger.ticket t on t.id = p.ticket_id
where p.means = 'phone' and p.due_at <= %(now)s and p.until_at > %(now)s
  and t.phone is not null and p.run = (t.body ->> 'run')::int and t.status in ('answered', 'closed')
  and t.body -> 'survey' = 'null' and t.body ->> 'callback_ended' is null
  and (t.body ->> 'calling_since' is null or (t.body ->> 'calling_since')::timestamptz <= %(taken_before)s)
  and (%(pack)s::text is null or p.policy = %(pack)s) and (%(centre)s::text is null or p.centre = %(centre)s)
order by 12, p.due_at
limit %(limit)s;

-- name: ticket_of_survey
select number, (body ->> 'run')::int, body -> 'survey' <> 'null' or status not in ('answered', 'closed'),
    body #>> '{customer,language}'
from ledger.ticket where id = %(id)s;

-- name: tickets
select body - 'evidence_marks' - 'link_marks' from ledger.ticket
where (%(number)s::text is null or number = %(number)s or earlier_number = %(number)s)
  and (%(phone)s::text is null or phone = %(phone)s)
order by accepted_at desc
limit 50;

-- name: whole_ticket
-- The ticket with what its events have added to its lists: the ticket itself holds only the latest items.
select t.body - 'evidence_marks' - 'link_marks', (
    select coalesce(
        jsonb_agg(jsonb_build_object('changes', e.body -> 'changes', 'clocks', e.body -> 'clocks') order by e.version),
        '[]')
    from ledger.event e
    where e.ticket_id = t.id)
from ledger.ticket t
where t.number = %(number)s;

-- name: command
select c.id, c.ticket_id, c.type, c.outcome, c.refusal, c.last_version, t.number, t.status
from ledger.command c
left join ledger.ticket t on t.id = c.ticket_id
where c.id = %(id)s;

-- name: command_digest
select digest from ledger.command where id = %(id)s;
