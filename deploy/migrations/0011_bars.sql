-- Senders that are barred because of their dead letters (DECISIONS 41): the row outlives restarts, and every process
-- looks here. A bar ends by itself, or by `duban sender unbar`.
create table plumbing.bar (
    sender text not null,
    topic text not null,
    since timestamptz not null default clock_timestamp(),
    until timestamptz not null,
    dead_letters integer not null,
    lifted_at timestamptz,
    primary key (sender, topic, since)
);
comment on table plumbing.bar is 'senders whose records are not processed for a time, each on the topic of its dead letters; all times are real';
comment on column plumbing.bar.dead_letters is 'within the hour before';
comment on column plumbing.bar.lifted_at is 'when an operator ended it; dead letters before that do not count any more';

do $$
declare
    name text;
begin
    foreach name in array array['intake', 'router', 'ledger', 'sla_monitor', 'hot_issues', 'callback', 'notifier'] loop
        execute format('grant select, insert on plumbing.bar to %I', 'duban_' || name);
    end loop;
end $$;
