-- Put a day of an estate from a staging table in the place of the old one, at once.
ALTER TABLE {table:Identifier} -- noqa: PRS
REPLACE PARTITION ({estate:String}, {day:Date}) FROM {staging:Identifier};
