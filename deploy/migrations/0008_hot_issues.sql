-- Hot issues: bursts of similar complaints (R3.7).
create schema hot_issues;

create table hot_issues.sign (
    ticket_id uuid primary key,
    version integer not null,
    policy text not null,
    business_type text not null,
    problem_type text not null,
    region text not null,
    accepted_at timestamptz not null
);
comment on table hot_issues.sign is 'a ticket of some kind; one row each, so that a repeated record counts once';
comment on column hot_issues.sign.version is 'version of the last ticket event that was taken in: older ones change nothing';
create index sign_kind on hot_issues.sign (policy, business_type, problem_type, region, accepted_at);
create index sign_accepted on hot_issues.sign (accepted_at);

create table hot_issues.issue (
    id uuid primary key,
    policy text not null,
    business_type text not null,
    problem_type text not null,
    region text not null,
    status text not null,
    version integer not null,
    published integer not null default 0,
    body jsonb not null,
    closing jsonb
);
comment on column hot_issues.issue.published is 'the last version that hot-issues has';
comment on column hot_issues.issue.closing is 'a person''s word that it is over, until the service has taken it in';
create unique index issue_kind on hot_issues.issue (policy, business_type, problem_type, region) where status <> 'closed';
create index issue_unpublished on hot_issues.issue (id) where published < version;

create table hot_issues.member (
    issue_id uuid not null references hot_issues.issue (id),
    ticket_id uuid not null,
    linked_at timestamptz not null,
    told boolean not null default false,
    primary key (issue_id, ticket_id)
);
comment on column hot_issues.member.told is 'whether the ledger has the command that links the ticket';
create index member_untold on hot_issues.member (linked_at) where not told;

grant usage on schema hot_issues to duban_hot_issues;
grant select, insert, update, delete on hot_issues.sign to duban_hot_issues;
grant select, insert, update on hot_issues.issue, hot_issues.member to duban_hot_issues;
