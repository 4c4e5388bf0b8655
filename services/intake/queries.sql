-- Named queries of intake.

-- name: senders
-- The present key of each sender, and those that it has replaced as long as they overlap. `sender.key_hash` says which one is
-- the present key, so that one that an earlier version has made counts as well.
select s.name, k.key_hash, k.valid_until, s.packs, s.policy, s.channels, s.actions, s.units, s.roles, s.may, s.level,
    s.persons, s.per_minute, s.expires_at
from intake.sender s
cross join lateral (
    select s.key_hash, null::timestamptz as valid_until
    union all
    select key_hash, valid_until from intake.sender_key
    where sender = s.name and key_hash <> s.key_hash and valid_until > clock_timestamp()
) k
where s.revoked_at is null;

-- name: add_sender
insert into intake.sender
    (name, key_hash, policy, packs, channels, actions, units, roles, may, level, persons, per_minute, expires_at)
values (%(name)s, %(key_hash)s, %(policy)s, %(packs)s, %(channels)s, %(actions)s, %(units)s, %(roles)s, %(may)s, %(level)s,
    %(persons)s, %(per_minute)s, %(expires_at)s)
on conflict (name) do update
set key_hash = excluded.key_hash, policy = excluded.policy, packs = excluded.packs, channels = excluded.channels,
    actions = excluded.actions, units = excluded.units, roles = excluded.roles, may = excluded.may, level = excluded.level,
    persons = excluded.persons, per_minute = excluded.per_minute, expires_at = excluded.expires_at, revoked_at = null;

-- name: add_key
insert into intake.sender_key (key_hash, sender) values (%(key_hash)s, %(name)s)
on conflict (key_hash) do update set valid_until = null;

-- name: end_keys
delete from intake.sender_key where sender = %(name)s and key_hash <> %(key_hash)s;

-- name: change_sender
update intake.sender
set policy = %(policy)s, packs = %(packs)s, channels = %(channels)s, actions = %(actions)s, units = %(units)s,
    roles = %(roles)s, may = %(may)s, level = %(level)s, persons = %(persons)s, per_minute = %(per_minute)s,
    expires_at = %(expires_at)s
where name = %(name)s and revoked_at is null;

-- name: overlap_key
-- The present key ends at a time to come; another takes its place.
insert into intake.sender_key (key_hash, sender, created_at, valid_until)
select key_hash, name, created_at, clock_timestamp() + %(overlap)s
from intake.sender
where name = %(name)s and revoked_at is null
on conflict (key_hash) do update set valid_until = excluded.valid_until;

-- name: replace_key
update intake.sender set key_hash = %(key_hash)s where name = %(name)s and revoked_at is null;

-- name: all_senders
select s.name, s.packs, s.policy, s.channels, s.actions, s.units, s.roles, s.may, s.level, s.persons, s.per_minute,
    s.expires_at, s.created_at, s.revoked_at,
    (select max(last_used_at) from intake.sender_key where sender = s.name) as last_used_at
from intake.sender s
where %(name)s::text is null or s.name = %(name)s
order by s.name;

-- name: keys_of_sender
select k.created_at, k.valid_until, k.last_used_at, k.key_hash = s.key_hash
from intake.sender_key k
join intake.sender s on s.name = k.sender
where k.sender = %(name)s
order by k.created_at;

-- name: save_last_used
update intake.sender_key k
set last_used_at = greatest(k.last_used_at, incoming.at)
from unnest(%(hashes)s::bytea[], %(times)s::timestamptz[]) as incoming (key_hash, at)
where k.key_hash = incoming.key_hash;

-- name: revoke_sender
update intake.sender set revoked_at = clock_timestamp() where name = %(name)s and revoked_at is null;

-- name: contact
select c.id, c.sender, c.ticket_id, c.disposition, c.reason, t.number, t.status, t.body ->> 'promised_at', t.version
from router.contact c
left join ledger.ticket t on t.id = c.ticket_id
where c.id = %(id)s;

-- name: ticket_by_number
-- As bytes, so that the model's own decoder is the only one that parses the document.
select id, body #>> '{policy,pack}', convert_to(body::text, 'UTF8') from ledger.ticket where number = %(number)s;

-- name: ticket_by_id
-- As bytes, as above.
select id, body #>> '{policy,pack}', convert_to(body::text, 'UTF8') from ledger.ticket where id = %(id)s;

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
  and (%(packs)s::text[] is null or p.policy = any(%(packs)s))
  and (%(centres)s::text[] is null or p.centre = any(%(centres)s))
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
  and (%(packs)s::text[] is null or pack = any(%(packs)s))
order by accepted_at desc
limit %(most)s;

-- name: tickets_of_identity
-- By the contacts, which have an index for it, the latest first.
select t.body - 'evidence_marks' - 'link_marks'
from (
    select ticket_id from router.contact where identity = %(identity)s order by received_at desc limit %(most)s
) c
join ledger.ticket t on t.id = c.ticket_id
where (%(number)s::text is null or t.number = %(number)s or t.earlier_number = %(number)s)
  and (%(phone)s::text is null or t.phone = %(phone)s)
  and (%(packs)s::text[] is null or t.pack = any(%(packs)s))
group by t.id
order by t.accepted_at desc;

-- name: whole_ticket
-- The ticket with what its events have added to its lists: the ticket itself holds only the latest items.
select t.body - 'evidence_marks' - 'link_marks', (
    select coalesce(
        jsonb_agg(
            jsonb_build_object('changes', e.body -> 'changes', 'clocks', e.body -> 'clocks', 'version', e.version,
                'type', e.type, 'at', e.body -> 'at', 'actor', e.body -> 'actor',
                'acts_for', e.body #> '{details,acts_for}')
            order by e.version),
        '[]')
    from ledger.event e
    where e.ticket_id = t.id)
from ledger.ticket t
where t.number = %(number)s;

-- name: command
select c.id, c.ticket_id, c.type, c.outcome, c.refusal, c.last_version, t.number, t.status, c.sender,
    t.body #>> '{policy,pack}'
from ledger.command c
left join ledger.ticket t on t.id = c.ticket_id
where c.id = %(id)s;

-- name: command_digest
select digest from ledger.command where id = %(id)s;

-- name: write_access
insert into intake.access (key, person, route, sought, digest, tickets, fields, purpose)
values (%(key)s, %(person)s, %(route)s, %(sought)s, %(digest)s, %(tickets)s, %(fields)s, %(purpose)s);

-- name: load_access
-- The latest first.
select at, key, person, route, sought, tickets, fields, purpose from intake.access
where (%(ticket)s::text is null or tickets @> array[%(ticket)s::text])
  and (%(key)s::text is null or key = %(key)s) and (%(person)s::text is null or person = %(person)s)
  and (%(since)s::timestamptz is null or at >= %(since)s) and (%(until)s::timestamptz is null or at < %(until)s)
  and (%(digest)s::bytea is null or digest = %(digest)s)
order by at desc, id desc
limit %(limit)s;

-- name: delete_access
select intake.delete_access(%(keep)s);

-- name: settle_rates
-- Takes what a door has used out of the common buckets, which have filled up since, and returns their levels.
insert into intake.rate_bucket as bucket (name, level, rate, capacity, at)
select name, capacity - used, rate, capacity, clock_timestamp()
from unnest(%(names)s::text[], %(used)s::double precision[], %(rates)s::double precision[],
            %(capacities)s::double precision[]) as incoming (name, used, rate, capacity)
on conflict (name) do update
set level = least(
        excluded.capacity,
        bucket.level + greatest(0, extract(epoch from excluded.at - bucket.at)) * excluded.rate
    ) - (excluded.capacity - excluded.level),
    rate = excluded.rate, capacity = excluded.capacity, at = greatest(bucket.at, excluded.at)
returning name, level;
