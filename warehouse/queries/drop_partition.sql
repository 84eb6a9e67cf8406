-- Clear a day of an estate.
ALTER TABLE {table:Identifier}
DROP PARTITION ({estate:String}, {day:Date});
