"""Checks deploy/docker without Docker: MALIPO is the binary, and SERVER a temporary PostgreSQL as its administrator.

    tests/deploy/docker.py MALIPO SERVER

The compose file is read as YAML. Then its SQL runs as its services run it: roles.sql by the administrator,
malipo's migrations and the command of the service `grants` by malipo's user. Afterwards FreeRADIUS's user may do
what its queries need, and nothing else.
"""

import os
import re
import subprocess
import sys

import yaml

FOLDER = "deploy/docker"
malipo, server = sys.argv[1:]
compose = yaml.safe_load(open(f"{FOLDER}/compose.yaml"))
services = compose["services"]

# Each variable is explained, and a secret has no default.
text = open(f"{FOLDER}/compose.yaml").read()
explained = open(f"{FOLDER}/env.example").read()
for name, default in re.findall(r"\$\{([A-Z_]+)(:[?-])", text):
    assert re.search(rf"^(# )?{name}=", explained, re.M), f"env.example does not name {name}"
    assert default == ":?" or not re.search("PASSWORD|SECRET|TOKEN", name), f"{name} has a default"

for name, service in services.items():
    for port in service.get("ports", []):
        assert port.startswith(("127.0.0.1:", "${RADIUS_ADDRESS:-127.0.0.1}:")), f"{name} is open: {port}"
    assert "no-new-privileges:true" in service["security_opt"], name
    assert not service.get("privileged") and service.get("network_mode") is None, name
    for volume in service.get("volumes", []):
        path = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
        if path.startswith("."):
            read_only = volume["read_only"] if isinstance(volume, dict) else volume.endswith(":ro")
            assert read_only, f"{name} may write {path}"
            is_made = path != "./metrics-token"
            assert not is_made or os.path.exists(os.path.join(FOLDER, path)), path

# Only what needs PostgreSQL can reach it, and only its own start has the administrator's password.
near = {name for name, service in services.items() if "database" in service.get("networks", [])}
assert near == {"malipo", "postgres", "grants", "freeradius"}, near
assert services["postgres"]["networks"] == ["database"]
holders = {name for name, service in services.items() if "POSTGRES_PASSWORD" in str(service)}
assert holders == {"postgres"}, holders
holders = {name for name, service in services.items() if "{MALIPO_PASSWORD" in str(service)}
assert holders == {"malipo", "postgres", "grants"}, holders
settings = open(f"{FOLDER}/freeradius-settings.conf").read()
assert 'postgresql_user = "freerad"' in settings
environment = services["freeradius"]["environment"]
for name in re.findall(r"\$ENV\{(\w+)\}", settings):
    assert name in environment, f"FreeRADIUS's container has no {name}"
grants = services["grants"]
assert services["freeradius"]["depends_on"] == {"grants": {"condition": "service_completed_successfully"}}
assert grants["volumes"] == ["../freeradius/grants.sql:/grants.sql:ro"], "the same file as in the tests of FreeRADIUS"

passwords = {"MALIPO_PASSWORD": "owner's", "FREERADIUS_PASSWORD": "reader's"}
plain = {**os.environ, **passwords, "PGCLIENTENCODING": "UTF8"}


def psql(user, *arguments, database="malipo"):
    """As this user, who needs no password here."""
    base = re.sub(r"//[^@/]*@", "//", server).replace("//", f"//{user}@", 1)
    command = ["psql", "--no-psqlrc", "--quiet", "-At", "-v", "ON_ERROR_STOP=1", f"{base}/{database}", *arguments]
    return subprocess.run(command, env=plain, capture_output=True, text=True)


def done(ran):
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


administrator = re.search(r"//([^@/:]*)[:@]", server)
administrator = administrator[1] if administrator else "postgres"
done(psql(administrator, "-f", f"{FOLDER}/roles.sql", database="postgres"))
rights = "rolname, rolsuper, rolcreaterole, rolcreatedb, rolpassword LIKE 'SCRAM%'"
roles = f"SELECT {rights} FROM pg_authid WHERE rolname IN ('malipo', 'freerad') ORDER BY rolname"
assert done(psql(administrator, "-c", roles)) == "freerad|f|f|f|t\nmalipo|f|f|f|t"

base = re.sub(r"//[^@/]*@", "//", server).replace("//", "//malipo@", 1)
migrated = subprocess.run([malipo, "migrate"], env={"MALIPO__DATABASE__URL": f"{base}/malipo"}, capture_output=True, text=True)
assert migrated.returncode == 0, migrated.stderr
options = [part.replace("/grants.sql", "deploy/freeradius/grants.sql") for part in grants["entrypoint"][1:]]
for _ in range(2):
    done(psql(grants["environment"]["PGUSER"], *options))

for may in ("SELECT count(*) FROM radcheck", "SELECT count(secret) FROM nas", "SELECT count(code) FROM vouchers"):
    done(psql("freerad", "-c", may))
for never in (
    "SELECT * FROM payments", "SELECT * FROM operators", "SELECT * FROM router_tunnels", "SELECT description FROM nas",
    "UPDATE radcheck SET value = ''", "DELETE FROM radacct", "CREATE TABLE x (y int)", "CREATE TEMP TABLE x (y int)",
    "GRANT malipo TO freerad", "SET ROLE malipo", "COPY radcheck TO PROGRAM 'true'",
):
    refused = psql("freerad", "-c", never)
    assert re.search("permission denied|must (be|have)", refused.stderr), f"{never}: {refused.stderr}"
assert "must be superuser" in psql("malipo", "-c", "COPY (SELECT 1) TO PROGRAM 'true'").stderr
