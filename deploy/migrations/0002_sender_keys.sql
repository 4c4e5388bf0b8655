-- Keys that act for units (DECISIONS 34, 35), and rotation: a sender may have more than one valid key for a while.
-- An existing key goes on taking contacts and receipts in, and one that only reads goes on reading its own pack; one for
-- commands has no units yet, so it can do and read nothing until `duban sender change` gives it some.

alter table intake.sender
    add column packs text[] not null default '{}',
    add column units text[] not null default '{}',
    add column roles text[] not null default '{}',
    add column may text[] not null default '{}',
    add column level text,
    add column persons text[] not null default '{}',
    add column expires_at timestamptz;
comment on column intake.sender.policy is 'the first of its packs, for the version before';
comment on column intake.sender.key_hash is 'SHA-256 of its present key; the key itself is shown once';
comment on column intake.sender.actions is 'contacts, commands, read, search, personal, receipts';
comment on column intake.sender.packs is 'packs that it reaches, the first is that of its contacts; * for all; empty: `policy` alone';
comment on column intake.sender.units is 'units that it acts for; * for all';
comment on column intake.sender.roles is 'callback, portal';
comment on column intake.sender.may is 'actions that it may take on tickets; empty: all that its units may';
comment on column intake.sender.level is 'level of authority to compensate, for persons whom the pack does not name';
comment on column intake.sender.persons is 'persons that it may act as; empty: any, named by each command';
comment on column intake.sender.expires_at is 'real time from which none of its keys is valid; null: never';

update intake.sender set units = '{*}' where 'read' = any(actions) and not 'commands' = any(actions);

create table intake.sender_key (
    key_hash bytea primary key,
    sender text not null references intake.sender (name),
    created_at timestamptz not null default clock_timestamp(),
    valid_until timestamptz,
    last_used_at timestamptz
);
comment on table intake.sender_key is 'the keys of senders; times are real';
comment on column intake.sender_key.valid_until is 'end of the overlap, for a key that another has replaced; null: the present key';
create index sender_key_sender on intake.sender_key (sender);
insert into intake.sender_key (key_hash, sender, created_at) select key_hash, name, created_at from intake.sender;

grant select on intake.sender_key to duban_intake;
grant update (last_used_at) on intake.sender_key to duban_intake;

alter table ledger.command add column sender text;
comment on column ledger.command.sender is 'name of the key by which it came; null: from one of our own services';
