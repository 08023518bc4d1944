"""Installs malipo in a machine of `machine`, sells vouchers, and looks at what each program may do:

    walk.py sqlite|postgresql

Runs as root in that machine. The commands are those of docs/install.md.
"""

import grp
import json
import os
import pathlib
import pwd
import re
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path("/root/malipo")
sys.path.insert(0, str(HERE / "walk"))

from blocks import blocks  # noqa: E402

DATABASE = sys.argv[1]
SECTION = {"sqlite": ["PostgreSQL", "On PostgreSQL"], "postgresql": ["SQLite"]}[DATABASE]
PORTAL = "http://127.0.0.1:8080/api/v1/customer-portal"
FILE = pathlib.Path("/var/lib/malipo/malipo.db")
DEVICE = "AA:BB:CC:00:00:01"
WITHIN_SECS = 60


def fail(sentence):
    print(f"BROKEN: {sentence}", flush=True)
    journal = run("journalctl", "--boot", "--no-pager", "--lines=40", "--unit=malipo", "--unit=freeradius")
    log = pathlib.Path("/var/log/freeradius/radius.log")
    print(journal.stdout, log.read_text()[-1500:] if log.exists() else "")
    raise SystemExit(1)


def expect(is_so, sentence):
    if not is_so:
        fail(sentence)


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def must(*command, **options):
    done = run(*command, **options)
    expect(done.returncode == 0, f"{' '.join(command)} ends with {done.returncode}: {done.stdout}")
    return done.stdout


def wait_until(holds, sentence):
    deadline = time.monotonic() + WITHIN_SECS
    while not holds():
        expect(time.monotonic() < deadline, sentence)
        time.sleep(0.05)


def paste(commands):
    """Runs blocks as one shell of root, in the project's folder, as an owner pastes them. Returns what they
    print."""
    script = "".join(block.text for block in commands)
    done = run("bash", "-eux", "-o", "pipefail", cwd=HERE, input=script)
    expect(done.returncode == 0, f"docs/install.md fails: {done.stdout[-3000:]}")
    return done.stdout


def ask(path, document=None):
    body = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(PORTAL + path, body, timeout=60) as answer:
        return json.load(answer)


class Sales:
    """Sells vouchers, each to its own phone."""

    def __init__(self, first_phone=712_000_000):
        self.phone = first_phone

    def sell(self):
        self.phone += 1
        order = ask("/payment", {"packageId": "daily", "phoneNumber": f"0{self.phone}"})["order_id"]
        deadline = time.monotonic() + WITHIN_SECS
        while time.monotonic() < deadline:
            code = ask(f"/payment/status/{order}?wait=30").get("voucher_code")
            if code:
                return code
        fail("nothing is sold")


def setting(name):
    text = pathlib.Path("/etc/freeradius/malipo/settings.conf").read_text()
    return re.search(rf'^{name} = "?([^"\n]*)"?$', text, re.M)[1]


def radius(kind, attributes):
    """What FreeRADIUS answers to one packet; empty if it does not answer."""
    port = {"auth": 1812, "acct": 1813}[kind]
    lines = "\n".join(f"{name} = \"{value}\"" for name, value in attributes.items())
    command = ["radclient", "-x", "-r", "2", "-t", "8", f"127.0.0.1:{port}", kind, setting("local_secret")]
    return run(*command, input=lines).stdout


def log_in(code, device=DEVICE):
    answer = radius("auth", {"User-Name": code, "User-Password": code, "Calling-Station-Id": device})
    expect("Access-Accept" in answer, f"FreeRADIUS does not let {code} in: {answer}")


def account(code, status, secs):
    """One report of a session; its row must then have these seconds."""
    session = {"User-Name": code, "Acct-Session-Id": code, "Acct-Status-Type": status, "Acct-Session-Time": secs}
    more = {"NAS-IP-Address": "127.0.0.1", "Calling-Station-Id": DEVICE, "Acct-Input-Octets": 1000 * secs}
    answer = radius("acct", {**session, **more})
    expect("Accounting-Response" in answer, f"FreeRADIUS does not record a {status}: {answer}")
    query = f"SELECT acctsessiontime FROM radacct WHERE acctsessionid = '{code}'"
    expect(sql(query) == str(secs), f"radacct has other seconds after a {status}: {sql(query)}")


def sql(query):
    """As root: what the owner of the database reads."""
    if DATABASE == "sqlite":
        return must("sqlite3", "-readonly", str(FILE), query).strip()
    return must("runuser", "-u", "postgres", "--", "psql", "-qAtX", "malipo", "-c", query).strip()


def service(action, *names):
    must("systemctl", action, *names)


def is_ready():
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


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
    tables = set(sql("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'").split())
    expect({"customers", "payments", "operators", "sms_messages"} <= tables, f"tables: {tables}")
    forbidden = [f"SELECT count(*) FROM {table}" for table in sorted(tables - named)]
    forbidden += [f"DELETE FROM {table}" for table in sorted(tables)]
    forbidden += [f"INSERT INTO {table} DEFAULT VALUES" for table in sorted(tables - {"radacct"})]
    forbidden += [
        "SELECT * FROM vouchers",
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
    paste(commands)
    wait_until(is_ready, "malipo is not ready")
    code = Sales(712_500_000).sell()
    wait_until(lambda: "Accept" in radius("auth", {"User-Name": code, "User-Password": code}), "no log-in")
    account(code, "Start", 0)


def step(name, work):
    began = time.monotonic()
    work()
    print(f"{name} ({time.monotonic() - began:.1f} s)", flush=True)


def install():
    """Pastes the page. Returns what it has for an upgrade."""
    page = blocks(HERE / "docs/install.md", {"sh"}, SECTION)
    first = [block for block in page if block.heading not in ["Upgrade", "On PostgreSQL"]]
    printed = paste(first)
    expect("Received Access-Accept" in printed, f"the page's voucher is not accepted: {printed[-1500:]}")
    return [block for block in page if block not in first]


def main():
    # Waits until the machine has started. A unit that needs hardware may have failed, which does not matter.
    run("systemctl", "is-system-running", "--wait")
    later = []
    step("the page's commands install it and sell a voucher", lambda: later.extend(install()))
    step("each program reads only its own secrets", secrets_are_apart)
    if DATABASE == "sqlite":
        step("both write one file, whichever opens it first", both_write_sqlite)
    else:
        step("FreeRADIUS's database user has only its rights", rights_on_postgresql)
    step("the page's commands upgrade it", lambda: upgrade(later))


main()
