-- Which loads count: those that the accounts of the days name?
SELECT load_id
FROM {database:Identifier}.nightly_accounting FINAL
