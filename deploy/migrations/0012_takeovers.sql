-- Takeovers of partitions whose former owner may still publish an old state late: kept until their states have been
-- published once more, so that neither a restart nor a row of rebalances forgets the first of them (DESIGN 3).
create table ledger.takeover (
    partition integer primary key,
    since timestamptz not null default clock_timestamp()
);
comment on table ledger.takeover is 'partitions of tickets.commands that were taken over, until the states around that time have been published again; real time';

grant select, insert, delete on ledger.takeover to duban_ledger;
