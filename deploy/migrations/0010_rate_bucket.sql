-- The rate limits of senders, shared by all doors. Not logged: after a crash of the server every bucket is full.
create unlogged table intake.rate_bucket (
    name text primary key,
    level double precision not null,
    rate double precision not null,
    capacity double precision not null,
    at timestamptz not null
);
comment on table intake.rate_bucket is 'token bucket of each sender, and of its readings and searches, for all doors together';
comment on column intake.rate_bucket.at is 'real time of the level';

grant select, insert, update on intake.rate_bucket to duban_intake;
