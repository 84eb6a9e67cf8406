-- Drop one load of a day of an estate.
ALTER TABLE {table:Identifier} -- noqa: PRS
DROP PARTITION ({estate:String}, {day:Date}, {load:UInt64});
