-- Plans store until when the customer may be asked, the customer's time zone, and the centre that calls.
alter table callback.plan
    add column until_at timestamptz,
    add column centre text,
    add column zone text,
    add column contact_hours text,
    add column script text;

-- A rejected outcome used to leave the plan of its run open.
update callback.plan p set state = 'cancelled', reason = 'rejected', due_at = null
from ledger.ticket t
where t.id = p.ticket_id and p.due_at is not null and p.run < (t.body ->> 'run')::int;

-- Their hours end as soon as they are due: then they move to the hours that are valid now.
update callback.plan set until_at = due_at where due_at is not null;
update callback.plan p set centre = t.body ->> 'centre', contact_hours = t.body #>> '{customer,contact_hours}'
from ledger.ticket t where t.id = p.ticket_id;
update callback.plan set centre = '' where centre is null;
alter table callback.plan
    alter column centre set not null,
    add check ((due_at is null) = (until_at is null)),
    add check ((due_at is null) = (state in ('done', 'cancelled')));

comment on column callback.plan.until_at is 'business time at which the hours are over that due_at lies in; then it moves to the next';
comment on column callback.plan.centre is 'in charge of the ticket: its people call, and how much they can do is counted by it';
comment on column callback.plan.zone is 'where the customer is; null: where the pack is';
comment on column callback.plan.script is 'what the caller says; null: nothing is prescribed';
drop index callback.plan_due;
create index plan_due on callback.plan (due_at) where due_at is not null and means <> 'phone';
create index plan_until on callback.plan (until_at) where until_at is not null;

create table callback.sample (
    name text primary key,
    policy text not null,
    accepted_from timestamptz not null,
    accepted_until timestamptz not null,
    size integer not null check (size > 0),
    strata text[] not null,
    seed text not null,
    population integer not null,
    tickets uuid[] not null,
    drawn_at timestamptz not null
);
comment on table callback.sample is 'samples for studies by a third party (R5.4): how each was drawn, and which tickets it holds for good';
grant select, insert on callback.sample to duban_callback;
