-- A ticket is written whole at every decision. Compressed it fits into its row, so that no rows of a second table are
-- written and read with it.
alter table ledger.ticket set (toast_tuple_target = 4080);

-- Where the server was built with lz4, that compresses in a fraction of the time; what is there is read either way.
do $$
begin
    alter table ledger.ticket alter column body set compression lz4;
    alter table ledger.event alter column body set compression lz4;
exception
    when feature_not_supported then null;
end
$$;
