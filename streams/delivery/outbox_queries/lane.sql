-- How is a subscription doing?
SELECT * FROM lanes WHERE subscription_id = :subscription_id;
