-- Who wrote about a ticket: people behind one number are told apart by all the names on it (DECISIONS 30).
create index contact_ticket on router.contact (ticket_id);
