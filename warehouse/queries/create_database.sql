-- Make the database of this deployment, where it is missing.
CREATE DATABASE IF NOT EXISTS {database:Identifier};
