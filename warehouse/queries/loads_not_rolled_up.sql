-- Which loads of an estate does a table hold whose roll-up has nothing of them?
SELECT load_id
FROM {source:Identifier}
WHERE
    estate_id = {estate:String}
    AND load_id NOT IN (SELECT load_id FROM {table:Identifier} WHERE estate_id = {estate:String})
GROUP BY load_id
ORDER BY load_id;
