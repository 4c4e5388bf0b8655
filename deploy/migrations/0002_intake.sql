-- API clients of intake: who may send contacts and commands, and read their results.
create schema intake;

create table intake.sender (
    name text primary key,
    key_hash bytea not null unique,
    policy text not null,
    channels text[] not null,
    actions text[] not null,
    per_minute integer check (per_minute > 0),
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);
comment on column intake.sender.key_hash is 'SHA-256 of the key; the key itself is shown once';
comment on column intake.sender.channels is 'channels it may use; * for all';
comment on column intake.sender.actions is 'contacts, commands, read';
comment on column intake.sender.per_minute is 'messages it may send in a minute; null: any number';

grant usage on schema intake to duban_intake;
grant select on intake.sender to duban_intake;
