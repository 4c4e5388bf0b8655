-- Named statements of the router.

-- name: load_contacts
select id, digest, commands::text, topic, partition, "offset" from router.contact where id = any(%(ids)s);

-- name: load_history
-- Tickets of earlier contacts with the same phone, customer number, mail address or identity, latest contact first; a
-- limited number of each, so that a busy number does not crowd out the other customers of a batch.
with found as (
    select c.id from unnest(%(phones)s::text[]) as wanted (value) cross join lateral
        (select id from router.contact where phone = wanted.value and disposition = 'open' and received_at > %(since)s
         order by received_at desc limit %(most)s) as c
    union
    select c.id from unnest(%(numbers)s::text[]) as wanted (value) cross join lateral
        (select id from router.contact where customer_number = wanted.value and disposition = 'open'
         and received_at > %(since)s order by received_at desc limit %(most)s) as c
    union
    select c.id from unnest(%(emails)s::text[]) as wanted (value) cross join lateral
        (select id from router.contact where email = wanted.value and disposition = 'open' and received_at > %(since)s
         order by received_at desc limit %(most)s) as c
    union
    select c.id from unnest(%(identities)s::text[]) as wanted (value) cross join lateral
        (select id from router.contact where identity = wanted.value and disposition = 'open' and received_at > %(since)s
         order by received_at desc limit %(most)s) as c
    union
    select c.id from unnest(%(addresses)s::text[]) as wanted (value) cross join lateral
        (select id from router.contact where address = wanted.value and disposition = 'open' and received_at > %(since)s
         order by received_at desc limit %(most)s) as c
)
select c.ticket_id, t.status, t.closed_at, c.business_type, c.problem_type, c.subject,
       c.phone, c.customer_number, c.email, c.identity, c.switchboard, c.name, c.extension, c.address,
       c.kind, c.visiting_region, latest.channel, latest.conversation, latest.received_at,
       t.status in ('answered', 'closed') and (t.body ->> 'callbacks')::int > 0 and t.body -> 'survey' = 'null',
       array(select distinct name from router.contact as writer
             where writer.ticket_id = c.ticket_id and writer.name is not null)
from found
join router.contact c using (id)
left join ledger.ticket t on t.id = c.ticket_id
left join lateral
    (select channel, conversation, received_at from router.contact as line
     where line.ticket_id = c.ticket_id order by received_at desc limit 1) as latest on true
order by c.received_at desc;

-- name: load_held
-- Lines of conversations that opened nothing and belong to no ticket yet, oldest first.
select held::text from router.contact
where held is not null and received_at > %(since)s
    and (identity = any(%(identities)s) or phone = any(%(phones)s))
order by received_at;

-- name: line_taken
update router.contact set ticket_id = %(ticket_id)s, disposition = 'add', held = null where id = %(id)s;

-- name: survivors
-- The ticket that goes on in the place of each, along all merges; before 0.2 only a link said into which one was merged.
with recursive chain (first, id, survivor) as (
    select wanted, null::uuid, wanted from unnest(%(ids)s::uuid[]) as wanted
    union
    select chain.first, t.id, coalesce(
        (t.body ->> 'merged_into')::uuid,
        case when t.status in ('withdrawn', 'archived') then
            (select (link ->> 'ticket_id')::uuid from jsonb_array_elements(t.body -> 'links') as link
             where link ->> 'kind' = 'merged_into' limit 1)
        end)
    from chain join ledger.ticket t on t.id = chain.survivor
)
select chain.first, t.id, t.status, t.closed_at,
       t.status in ('answered', 'closed') and (t.body ->> 'callbacks')::int > 0 and t.body -> 'survey' = 'null'
from chain join ledger.ticket t on t.id = chain.id
where chain.survivor is null;

-- name: insert_contact
insert into router.contact
    (id, digest, ticket_id, disposition, reason, sender, channel, message_id, phone, customer_number, email, identity,
     business_type, problem_type, subject, switchboard, name, extension, commands, call, topic, partition, "offset",
     received_at, decided_at, kind, conversation, visiting_region, address, rule, held)
values
    (%(id)s, %(digest)s, %(ticket_id)s, %(disposition)s, %(reason)s, %(sender)s, %(channel)s, %(message_id)s, %(phone)s,
     %(customer_number)s, %(email)s, %(identity)s, %(business_type)s, %(problem_type)s, %(subject)s, %(switchboard)s,
     %(name)s, %(extension)s, %(commands)s, %(call)s, %(topic)s, %(partition)s, %(offset)s, %(received_at)s, %(decided_at)s,
     %(kind)s, %(conversation)s, %(visiting_region)s, %(address)s, %(rule)s, %(held)s);

-- name: lock
-- Serialises routers that join records of two topics, or route messages of one person, until the transaction ends; locked
-- in order to avoid deadlocks.
select pg_advisory_xact_lock(hashtextextended(key, 0)) from (select unnest(%(keys)s::text[]) as key order by 1) as sorted;

-- name: load_calls
select id, call::text, contact_id, ticket_id from router.call where id = any(%(ids)s);

-- name: save_call
insert into router.call (id, call, sender, channel, policy, answered, ended_at, contact_id, ticket_id, heard_at)
values (%(id)s, %(call)s, %(sender)s, %(channel)s, %(policy)s, %(answered)s, %(ended_at)s, %(contact_id)s, %(ticket_id)s,
        %(heard_at)s)
on conflict (id) do update
set call = excluded.call, answered = excluded.answered, ended_at = excluded.ended_at,
    contact_id = coalesce(excluded.contact_id, call.contact_id), ticket_id = coalesce(excluded.ticket_id, call.ticket_id);

-- name: calls_without_form
-- Answered calls whose form did not come in time, oldest first.
select id, call::text, sender, channel, policy from router.call
where contact_id is null and answered and announced_at is null
    and ended_at <= %(now)s and coalesce((call ->> 'started_at')::timestamptz, ended_at) <= %(before)s
order by ended_at
limit %(most)s;

-- name: call_announced
update router.call set announced_at = %(now)s where id = any(%(ids)s);

-- name: forms_of_calls
select call, id, ticket_id from router.contact where call = any(%(calls)s) order by received_at;

-- name: tickets_of_contacts
select id, ticket_id from router.contact where id = any(%(ids)s);

-- name: tickets_by_number
-- Without a phone that was only found in the text: it proves nothing (DECISIONS 40).
select id, number, status, closed_at, body ->> 'subject',
       (case when body -> 'flags' ? 'phone_from_text' then (body -> 'customer') - 'phone' else body -> 'customer' end)::text
from ledger.ticket where number = any(%(numbers)s);

-- name: save_kept
insert into router.kept (id, reason, about, number, body, heard_at)
values (%(id)s, %(reason)s, %(about)s, %(number)s, %(body)s, %(heard_at)s)
on conflict (id) do nothing;

-- name: kept_about
select body::text from router.kept where about = any(%(ids)s) order by heard_at;

-- name: form_of_call
update router.call set contact_id = %(contact_id)s, ticket_id = %(ticket_id)s where id = %(id)s and contact_id is null;
