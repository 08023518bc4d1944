-- The rights of FreeRADIUS's user on PostgreSQL: what the queries of this folder need. Run it in malipo's
-- database when malipo has created its tables, and again after an upgrade. It may run any number of times.
--
-- The user logs in from this machine as the system user of the same name, without a password. For a
-- FreeRADIUS on another machine: ALTER ROLE freerad PASSWORD '…'.

DO $$
BEGIN
    -- Without this question, the tables' owner could not run this file where the user exists.
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'freerad') THEN
        CREATE ROLE freerad LOGIN;
    END IF;
EXCEPTION
    -- The second, if two sessions create it at the same moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- Users and their limits. FreeRADIUS changes none.
GRANT SELECT ON radcheck, radreply, radusergroup, radgroupcheck, radgroupreply TO freerad;
-- Routers and what they share with FreeRADIUS.
GRANT SELECT (id, nasname, shortname, identifier, range_first, range_last, secret, require_ma) ON nas TO freerad;
-- When each router was last answered.
GRANT SELECT, INSERT, UPDATE ON router_status TO freerad;
-- Sessions. No row is ever deleted.
GRANT SELECT, INSERT, UPDATE ON radacct TO freerad;
GRANT USAGE ON SEQUENCE radacct_radacctid_seq TO freerad;
-- The code that a guest means, and codes that were replaced.
GRANT SELECT (code, payment_id, former_payment_id) ON vouchers TO freerad;
