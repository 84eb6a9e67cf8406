-- Delete some loads of an estate from a table whose partitions hold many; returns when they are gone.
ALTER TABLE {table:Identifier} -- noqa: PRS
DELETE WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
SETTINGS mutations_sync = 1;
