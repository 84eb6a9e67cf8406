-- Another spool has taken everything over.
BEGIN;

DELETE FROM messages;

DELETE FROM thinned;

COMMIT;
