-- How many messages wait, for all subscribers together?
SELECT COUNT(*) AS waiting FROM deliveries;
