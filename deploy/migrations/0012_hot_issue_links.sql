-- A link is the same command however often it is sent; tickets of a closed issue are not part of the next one (R3.7).
alter table hot_issues.member add column tickets integer not null default 0;
alter table hot_issues.member alter column tickets drop default;
comment on column hot_issues.member.tickets is 'how many the issue had when this one was linked';
create index issue_closed on hot_issues.issue (policy, business_type, problem_type, region) where status = 'closed';
