-- The comment said that the table holds only what a ticket's own marks do not hold any more; it holds everything.
comment on table ledger.added_item is 'hashes of all evidence and links that each ticket has ever had';
