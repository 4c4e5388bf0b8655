-- A subscriber may have an address in a private network; messages are deleted by age, whatever their state.
alter table notifier.subscriber add column private boolean not null default false;
comment on column notifier.subscriber.private is 'whether its address may be one that is not public';
drop index notifier.hook_settled;
create index hook_age on notifier.hook (queued_at);
