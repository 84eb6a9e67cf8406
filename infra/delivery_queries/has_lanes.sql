-- Has a worker that starts just now made its tables yet?
SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'lanes';
