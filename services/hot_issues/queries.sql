-- Statements of the hot-issue service.

-- name: save_signal
-- A ticket counts under its present kind; a record that comes twice or late changes nothing.
insert into hot_issues.sign as known (ticket_id, version, policy, business_type, problem_type, region, accepted_at)
values (%(ticket_id)s, %(version)s, %(policy)s, %(business_type)s, %(problem_type)s, %(region)s, %(accepted_at)s)
on conflict (ticket_id) do update
set version = excluded.version, policy = excluded.policy, business_type = excluded.business_type,
    problem_type = excluded.problem_type, region = excluded.region
where known.version < excluded.version;

-- name: delete_old_signals
delete from hot_issues.sign where ctid = any (array(
    select ctid from hot_issues.sign where accepted_at < %(before)s limit %(limit)s
));

-- name: lock
-- Two instances evaluate a kind one after the other.
select pg_advisory_xact_lock(hashtextextended(%(key)s, 7));

-- name: burst_level
-- Tickets in the window up to an instant, but after the last issue; tickets in the same window of the days before; and when
-- the first ticket of any kind was accepted.
select count(*) filter (where accepted_at > greatest(%(at)s - %(window)s::interval, %(closed_at)s)),
    count(*) filter (
        where accepted_at <= %(at)s - interval '1 day'
          and mod(extract(epoch from %(at)s - accepted_at), 86400) < extract(epoch from %(window)s::interval)
    ),
    (select min(accepted_at) from hot_issues.sign)
from hot_issues.sign
where policy = %(policy)s and business_type = %(business_type)s and problem_type = %(problem_type)s and region = %(region)s
  and accepted_at > %(at)s - %(window)s::interval - make_interval(days => %(days)s) and accepted_at <= %(at)s;

-- name: unclosed_issues
select body::text from hot_issues.issue where status <> 'closed' order by id;

-- name: unclosed_issue
select body::text, closing from hot_issues.issue
where policy = %(policy)s and business_type = %(business_type)s and problem_type = %(problem_type)s and region = %(region)s
  and status <> 'closed';

-- name: last_closed_at
select max((body ->> 'closed_at')::timestamptz) from hot_issues.issue
where policy = %(policy)s and business_type = %(business_type)s and problem_type = %(problem_type)s and region = %(region)s
  and status = 'closed';

-- name: save_issue
-- A request to close may have come since the issue was read: it stays until the issue is closed.
insert into hot_issues.issue as issue (id, policy, business_type, problem_type, region, status, version, body)
values (%(id)s, %(policy)s, %(business_type)s, %(problem_type)s, %(region)s, %(status)s, %(version)s, %(body)s)
on conflict (id) do update
set status = excluded.status, version = excluded.version, body = excluded.body,
    closing = case when excluded.status <> 'closed' then issue.closing end;

-- name: link_tickets
-- Each ticket once. The content of its link command is fixed here, because a command that is sent again has to be the same.
insert into hot_issues.member (issue_id, ticket_id, linked_at, tickets)
select %(issue_id)s, ticket_id, %(now)s,
    count(*) over () + (select count(*) from hot_issues.member where issue_id = %(issue_id)s)
from hot_issues.sign
where policy = %(policy)s and business_type = %(business_type)s and problem_type = %(problem_type)s and region = %(region)s
  and accepted_at > %(since)s
  and not exists (
      select from hot_issues.member where issue_id = %(issue_id)s and member.ticket_id = sign.ticket_id
  );

-- name: count_members
select count(*) from hot_issues.member where issue_id = %(issue_id)s;

-- name: unpublished_links
select issue_id, ticket_id, linked_at, tickets, issue.body ->> 'opened_at'
from hot_issues.member join hot_issues.issue on issue.id = issue_id
where not command_sent
order by linked_at
limit 100;

-- name: unpublished_issues
select body::text from hot_issues.issue where published < version order by id limit 500;

-- name: mark_link_published
-- `told` is the column of the version before, which may run beside this one or come back.
update hot_issues.member set command_sent = true, told = true
where issue_id = %(issue_id)s and ticket_id = %(ticket_id)s;

-- name: mark_issue_published
update hot_issues.issue set published = greatest(published, %(version)s) where id = %(id)s;

-- name: list_issues
select body::text from hot_issues.issue
where %(include_closed)s or status <> 'closed'
order by body ->> 'opened_at' desc
limit 200;

-- name: find_by_id_prefix
select body::text from hot_issues.issue where id::text like %(pattern)s order by body ->> 'opened_at' desc limit 2;

-- name: tickets_of_issue
select t.body::text from hot_issues.member m join ledger.ticket t on t.id = m.ticket_id
where m.issue_id = %(issue_id)s
order by t.accepted_at;

-- name: request_close
update hot_issues.issue set closing = %(closing)s where id = %(id)s and status <> 'closed';
