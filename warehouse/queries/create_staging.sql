-- Make an empty table like another one.
CREATE TABLE {staging:Identifier} AS {table:Identifier};
