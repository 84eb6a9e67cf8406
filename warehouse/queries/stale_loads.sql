-- Which loads of an estate does a table hold that no account names: replaced, or never made current?
SELECT DISTINCT
    day,
    load_id
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND load_id NOT IN (SELECT load_id FROM nightly_accounting FINAL)
ORDER BY day;
