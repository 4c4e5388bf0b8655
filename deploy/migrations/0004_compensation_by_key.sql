-- The sum of a month counts by the key as well, where the pack does not name the person (R3.6).
create index event_compensation_key on ledger.event ((body #>> '{actor,key}'), at) where type = 'compensated';
