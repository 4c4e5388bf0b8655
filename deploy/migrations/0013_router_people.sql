-- Contacts of a ticket: people who share a phone number are distinguished by the names on it (DECISIONS 30).
create index contact_ticket on router.contact (ticket_id);
