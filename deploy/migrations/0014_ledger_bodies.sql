-- The whole ticket is written at every decision. Compressed it fits into its row, so that no rows of a TOAST table are
-- written and read with it.
alter table ledger.ticket set (toast_tuple_target = 4080);

-- lz4, where the server was built with it, compresses in a fraction of the time; existing rows can be read either way.
do $$
begin
    alter table ledger.ticket alter column body set compression lz4;
    alter table ledger.event alter column body set compression lz4;
exception
    when feature_not_supported then null;
end
$$;
