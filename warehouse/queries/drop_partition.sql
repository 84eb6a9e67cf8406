-- Clear a day of an estate.
ALTER TABLE {table:Identifier} -- noqa: PRS
DROP PARTITION ({estate:String}, {day:Date});
