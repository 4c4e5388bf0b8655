-- Every service looks whether the database has all the migrations that its version needs, before it works and while it
-- does. The table itself belongs to the tool that applies them.
create view plumbing.migration as select migration_id as name from public._yoyo_migration;
comment on view plumbing.migration is 'the migrations that were applied, by name';

grant select on plumbing.migration to
    duban_intake, duban_router, duban_ledger, duban_sla_monitor, duban_hot_issues, duban_callback, duban_notifier;
