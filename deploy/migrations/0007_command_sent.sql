-- A column gets the name of what it says. The version before goes on with `told`, so both are written until a later
-- version drops it. A link that the version before sends meanwhile is sent once more; the ledger knows its command.
alter table hot_issues.member add column command_sent boolean not null default false;
update hot_issues.member set command_sent = told where told;
comment on column hot_issues.member.command_sent is 'whether the command that links the ticket was sent to the ledger';
comment on column hot_issues.member.told is 'command_sent for the version before; goes in a later version';
create index member_command_unsent on hot_issues.member (linked_at) where not command_sent;
