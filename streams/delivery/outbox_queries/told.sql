-- What was a subscriber told last of an alert?
SELECT
    revision,
    severity
FROM told WHERE subscription_id = :subscription_id AND alert_id = :alert_id;
