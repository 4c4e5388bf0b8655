-- What a ticket ever had of papers and links, so that none is added twice (DECISIONS 38): one row to look up, however
-- long its history is.
create table ledger.added_item (
    ticket_id uuid not null,
    item bytea not null,
    primary key (ticket_id, item)
);
comment on table ledger.added_item is 'hashes of the papers and links of each ticket: those that its own marks do not hold any more';
comment on column ledger.added_item.item is 'the first 16 bytes of SHA-256 of evidence/<reference>, or of link/<ticket>/<kind>';

insert into ledger.added_item (ticket_id, item)
select distinct e.ticket_id, substring(sha256(convert_to('evidence/' || (paper ->> 'reference'), 'UTF8')) for 16)
from ledger.event e cross join jsonb_array_elements(e.body #> '{changes,evidence}') as paper
where e.type in ('accepted', 'attached', 'corrected');

insert into ledger.added_item (ticket_id, item)
select distinct e.ticket_id,
    substring(sha256(convert_to('link/' || (link ->> 'ticket_id') || '/' || (link ->> 'kind'), 'UTF8')) for 16)
from ledger.event e cross join jsonb_array_elements(e.body #> '{changes,links}') as link
where e.type in ('accepted', 'linked', 'split', 'merged')
on conflict do nothing;

grant select, insert on ledger.added_item to duban_ledger;
