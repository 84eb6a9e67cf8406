-- For whom does anything wait?
SELECT DISTINCT subscription_id FROM deliveries;
