SELECT value FROM memory WHERE name = :name;
