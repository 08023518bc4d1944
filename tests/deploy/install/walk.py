"""Installs malipo in a machine of `machine`, sells vouchers, and looks at what each program may do:

    walk.py sqlite|postgresql

Runs as root in that machine. The commands are those of docs/install.md and docs/routers.md.
"""

import grp
import os
import pathlib
import pwd
import re
import sys

sys.path.insert(0, "/root/malipo/tests/deploy")

import routers
from blocks import blocks
from inside import DATABASE, PROJECT, Sales, account, expect, is_ready, log_in, must, paste, radius, run, service
from inside import sql, step, wait_until

FILE = pathlib.Path("/var/lib/malipo/malipo.db")
OTHER_SECTIONS = {
    "sqlite": ["PostgreSQL", "A backup of PostgreSQL", "Upgrade on PostgreSQL"],
    "postgresql": ["SQLite", "A backup of SQLite"],
}


def run_as(unit):
    """Users and groups of a unit's process, as the kernel has them."""
    process = must("systemctl", "show", "--property=MainPID", "--value", unit).strip()
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    user = pwd.getpwuid(int(fields["Uid"].split()[0])).pw_name
    groups = {grp.getgrgid(int(number)).gr_name for number in (fields["Gid"].split()[:1] + fields["Groups"].split())}
    return user, groups


def owned(path):
    """Owner, group and mode, as `ls -l` has them."""
    found = os.stat(path)
    owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    return f"{owner} {group} {found.st_mode & 0o7777:o}"


def refused(user, *command):
    done = run("runuser", "-u", user, "--", *command)
    expect(done.returncode != 0, f"{user} may run {' '.join(command)}: {done.stdout}")
    expect("denied" in done.stdout or "unable to open" in done.stdout, f"{user}, {command}: {done.stdout}")


def secrets_are_apart():
    """What each program may not read."""
    expect(run_as("malipo") == ("malipo", {"malipo"}), f"malipo runs as {run_as('malipo')}")
    expect(run_as("freeradius")[0] == "freerad", f"FreeRADIUS runs as {run_as('freeradius')}")
    expect("malipo" in run_as("freeradius")[1], f"FreeRADIUS runs as {run_as('freeradius')}")
    refused("freerad", "cat", "/etc/malipo/env")
    refused("malipo", "cat", "/etc/freeradius/malipo/settings.conf")
    refused("freerad", "touch", "/etc/freeradius/malipo/settings.conf")
    expect(owned("/var/lib/malipo") == "malipo malipo 2770", f"/var/lib/malipo is {owned('/var/lib/malipo')}")
    refused("nobody", "ls", "/var/lib/malipo")
    # As a service FreeRADIUS is in malipo's group, and as a user it is not.
    refused("freerad", "ls", "/var/lib/malipo")


def both_write_sqlite():
    """Whichever opens the file first makes its log, and the other goes on with it."""
    log, index = FILE.with_name("malipo.db-wal"), FILE.with_name("malipo.db-shm")
    expect(owned(FILE) == "malipo malipo 660", f"malipo.db is {owned(FILE)}")
    sales = Sales()
    for first, second in [("freeradius", "malipo"), ("malipo", "freeradius")]:
        code = sales.sell()
        service("stop", "malipo", "freeradius")
        # The last to close the database has removed its log, or the next one could not make it.
        run("runuser", "-u", "malipo", "--", "sqlite3", str(FILE), "PRAGMA wal_checkpoint(TRUNCATE)")
        expect(not log.exists(), "the log is still there, so this test would show nothing")
        service("start", first)
        if first == "malipo":
            wait_until(is_ready, "malipo is not ready")
        else:
            wait_until(lambda: "Accept" in radius("auth", {"User-Name": code, "User-Password": code}), "no log-in")
        maker = {"malipo": "malipo", "freeradius": "freerad"}[first]
        for file in [log, index]:
            expect(owned(file) == f"{maker} malipo 660", f"{file.name}, made by {first}, is {owned(file)}")
        service("start", second)
        wait_until(is_ready, "malipo is not ready")
        log_in(code)
        account(code, "Start", 0)
        account(code, "Interim-Update", 300)
        log_in(sales.sell())
        account(code, "Stop", 600)


def rights_on_postgresql():
    """FreeRADIUS's user reads no phones, payments or operators, and writes sessions only."""
    service("restart", "freeradius", "malipo")
    wait_until(is_ready, "malipo is not ready")
    code = Sales().sell()
    wait_until(lambda: "Accept" in radius("auth", {"User-Name": code, "User-Password": code}), "no log-in")
    account(code, "Start", 0)
    account(code, "Stop", 600)
    used = sql("SELECT string_agg(DISTINCT usename, ' ' ORDER BY usename) FROM pg_stat_activity WHERE datname = 'malipo' AND usename <> 'postgres'")
    expect(used == "freerad malipo", f"users of the database: {used}")
    for user in ["malipo", "freerad"]:
        strong = sql(f"SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = '{user}'")
        expect(strong == "f", f"the database user {user} may do more than it needs")
    # Everything that the grants do not name. A table of a later version must be refused too.
    named = {"radcheck", "radreply", "radusergroup", "radgroupcheck", "radgroupreply", "nas", "radacct", "vouchers"}
    named |= {"router_status"}
    tables = set(sql("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'").split())
    expect({"customers", "payments", "operators", "sms_messages"} <= tables, f"tables: {tables}")
    forbidden = [f"SELECT count(*) FROM {table}" for table in sorted(tables - named)]
    forbidden += [f"DELETE FROM {table}" for table in sorted(tables)]
    forbidden += [f"INSERT INTO {table} DEFAULT VALUES" for table in sorted(tables - {"radacct", "router_status"})]
    forbidden += [
        "SELECT * FROM vouchers",
        "SELECT * FROM nas",
        "UPDATE vouchers SET code = 'AAAAAAAA'",
        "UPDATE radcheck SET value = 'free'",
        "UPDATE radgroupreply SET value = '1'",
        "UPDATE nas SET secret = 'x'",
        "CREATE TABLE mine (id int)",
        "COPY radacct TO PROGRAM 'id'",
        "SET ROLE malipo",
    ]
    script = "".join(f"{statement};\n" for statement in forbidden)
    answers = run("runuser", "-u", "freerad", "--", "psql", "-qAtX", "malipo", input=script).stdout
    denied = len(re.findall(r"^ERROR: .*(?:permission denied|must be superuser)", answers, re.M))
    expect(denied == len(forbidden), f"{len(forbidden) - denied} of FreeRADIUS's statements are allowed:\n{answers}")


def upgrade(commands):
    """The page's commands for an upgrade, on an older installation: SQLite's files had FreeRADIUS's group, and
    FreeRADIUS's database user had no right to what this version reads."""
    service("stop", "malipo", "freeradius")
    if DATABASE == "sqlite":
        must("chown", "-R", "malipo:freerad", "/var/lib/malipo")
        must("chmod", "700", "/var/lib/malipo")
    else:
        sql("REVOKE ALL ON nas, vouchers FROM freerad")
    paste("docs/install.md", "".join(block.text for block in commands))
    wait_until(is_ready, "malipo is not ready")
    code = Sales(712_500_000).sell()
    wait_until(lambda: "Accept" in radius("auth", {"User-Name": code, "User-Password": code}), "no log-in")
    account(code, "Start", 0)


def install():
    """Pastes the page. Returns what it has for an upgrade."""
    page = blocks(PROJECT / "docs/install.md", {"sh"}, OTHER_SECTIONS[DATABASE])
    first = [block for block in page if not block.heading.startswith("Upgrade")]
    # One shell, because a later block uses a variable of an earlier one.
    printed = paste("docs/install.md", "".join(block.text for block in first))
    expect("Received Access-Accept" in printed, f"the page's voucher is not accepted: {printed[-1500:]}")
    made = [owned(file) for file in pathlib.Path("/var/backups/malipo").iterdir()]
    expect(made == ["malipo malipo 600"], f"backups: {made}")
    return [block for block in page if block not in first]


def main():
    has_started = lambda: run("systemctl", "is-active", "machine.target").returncode == 0
    wait_until(has_started, "systemd does not start")
    routers.begin()
    later = []
    step("the page's commands install it and sell a voucher", lambda: later.extend(install()))
    step("each program reads only its own secrets", secrets_are_apart)
    if DATABASE == "sqlite":
        step("both write one file, whichever opens it first", both_write_sqlite)
    else:
        step("FreeRADIUS's database user has only its rights", rights_on_postgresql)
    step("the page's commands upgrade it", lambda: upgrade(later))
    step("the commands of docs/routers.md add routers", routers.walk)


main()
