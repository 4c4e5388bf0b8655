-- Statements of the router; one name each.

-- name: load_contacts
select id, digest, command::text, topic, partition, "offset" from router.contact where id = any(%(ids)s);

-- name: load_history
-- Tickets that earlier contacts with the same number, phone, mail or identity went to, latest contact first.
select c.ticket_id, t.status, t.closed_at, c.business_type, c.problem_type, c.subject,
       c.phone, c.customer_number, c.email, c.identity, c.switchboard
from router.contact c
left join ledger.ticket t on t.id = c.ticket_id
where c.disposition = 'open'
  and c.received_at > %(since)s
  and (c.phone = any(%(phones)s) or c.customer_number = any(%(numbers)s) or c.email = any(%(emails)s)
       or c.identity = any(%(identities)s))
order by c.received_at desc
limit 5000;

-- name: insert_contact
insert into router.contact
    (id, digest, ticket_id, disposition, reason, sender, channel, message_id, phone, customer_number, email, identity,
     business_type, problem_type, subject, switchboard, command, topic, partition, "offset", received_at, decided_at)
values
    (%(id)s, %(digest)s, %(ticket_id)s, %(disposition)s, %(reason)s, %(sender)s, %(channel)s, %(message_id)s, %(phone)s,
     %(customer_number)s, %(email)s, %(identity)s, %(business_type)s, %(problem_type)s, %(subject)s, %(switchboard)s,
     %(command)s, %(topic)s, %(partition)s, %(offset)s, %(received_at)s, %(decided_at)s);
