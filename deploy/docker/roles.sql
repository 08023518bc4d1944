-- Run once by PostgreSQL's administrator, when the volume is new: the users of malipo and of FreeRADIUS, whose
-- passwords are in the environment, and malipo's database. Neither is an administrator. The rights of
-- FreeRADIUS's user in it are deploy/freeradius/grants.sql.
\set ON_ERROR_STOP 1
\getenv malipo_password MALIPO_PASSWORD
\getenv freeradius_password FREERADIUS_PASSWORD
CREATE ROLE malipo LOGIN PASSWORD :'malipo_password';
CREATE ROLE freerad LOGIN PASSWORD :'freeradius_password';
CREATE DATABASE malipo OWNER malipo;
REVOKE ALL ON DATABASE malipo FROM PUBLIC;
GRANT CONNECT ON DATABASE malipo TO freerad;
