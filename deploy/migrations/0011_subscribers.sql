-- A subscriber whose address may be within our walls; messages are forgotten by their age, whatever became of them.
alter table notifier.subscriber add column private boolean not null default false;
comment on column notifier.subscriber.private is 'whether its address may be one that is not public';
drop index notifier.hook_settled;
create index hook_age on notifier.hook (queued_at);
