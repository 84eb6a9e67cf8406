DELETE FROM memory WHERE name = :name;
