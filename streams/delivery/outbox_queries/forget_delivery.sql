-- It is delivered, or given up.
DELETE FROM deliveries WHERE id = :id;
