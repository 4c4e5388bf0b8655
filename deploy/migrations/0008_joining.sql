-- What shows that contacts are of one matter: their kind, their conversation, where their customers are; by which rule
-- each was routed; and the lines of a conversation that opened nothing yet (DECISIONS 36).
alter table router.contact
    add column kind text,
    add column conversation text,
    add column visiting_region text,
    add column address text,
    add column rule text,
    add column held jsonb;
comment on column router.contact.address is 'without blanks and punctuation, as two addresses are compared';
comment on column router.contact.rule is 'the rule that decided; what people undo is counted by it';
comment on column router.contact.held is 'a line that opened nothing, until the ticket of its conversation takes it';
create index contact_address on router.contact (address, received_at) where address is not null;
create index contact_held on router.contact (received_at) where held is not null;

grant update (ticket_id, disposition, held) on router.contact to duban_router;
