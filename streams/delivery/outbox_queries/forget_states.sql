-- States that nobody waits for any more.
DELETE FROM states
WHERE NOT EXISTS (
    SELECT 1 FROM deliveries AS d WHERE d.alert_id = states.alert_id AND d.revision = states.revision
);
