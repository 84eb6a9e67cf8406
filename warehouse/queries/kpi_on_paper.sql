-- What does the warehouse know of matters that are kept on paper (approvals, rules, contracts)? Nothing.
SELECT CAST(NULL, 'Nullable(Float64)') AS judged
WHERE {estate:String} != '';
