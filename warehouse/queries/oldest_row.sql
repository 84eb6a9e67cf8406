-- What is the oldest day that a table holds rows of?
SELECT if(count() = 0, NULL, min(day)) AS oldest
FROM {table:Identifier};
