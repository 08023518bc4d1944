"""What a walk through an installed machine needs: commands, sales, packets, and sentences about faults."""

import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

PROJECT = pathlib.Path("/root/malipo")
DATABASE = sys.argv[1]
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


def paste(page, script):
    """Runs commands of a page in a shell of root, in the project's folder, as an owner pastes them. Returns
    what they print."""
    done = run("bash", "-eux", "-o", "pipefail", cwd=PROJECT, input=script)
    expect(done.returncode == 0, f"{page} fails: {done.stdout[-3000:]}")
    return done.stdout


def ask(path, document=None):
    body = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(PORTAL + path, body, timeout=60) as answer:
        return json.load(answer)


class Sales:
    """Sells vouchers, each to its own phone. The webhook is sent here, because `server.public_url` leads to a
    front that this machine does not have: the simulated ZenoPay's own copies do not arrive, and the status
    check that finds the money then is twelve seconds away."""

    def __init__(self, first_phone=712_000_000):
        self.phone = first_phone

    def sell(self):
        self.phone += 1
        order = ask("/payment", {"packageId": "daily", "phoneNumber": f"0{self.phone}"})["order_id"]
        secret = sql("SELECT webhook_secret FROM payments ORDER BY id DESC LIMIT 1")
        ask(f"/webhook/zenopay/{order}.{secret}", {"order_id": order, "payment_status": "COMPLETED"})
        deadline = time.monotonic() + WITHIN_SECS
        while time.monotonic() < deadline:
            code = ask(f"/payment/status/{order}?wait=30").get("voucher_code")
            if code:
                return code
        fail("nothing is sold")


def setting(name):
    text = pathlib.Path("/etc/freeradius/malipo/settings.conf").read_text()
    return re.search(rf'^{name} = "?([^"\n]*)"?$', text, re.M)[1]


def radius(kind, attributes, server="127.0.0.1", secret=None):
    """What FreeRADIUS answers to one packet; empty if it does not answer. A packet to one of the machine's
    addresses comes from the same address."""
    port = {"auth": 1812, "acct": 1813}[kind]
    lines = "\n".join(f"{name} = \"{value}\"" for name, value in attributes.items())
    # A router that is marked gets no answer without; radclient fills it in.
    lines += "\nMessage-Authenticator = 0x00\n" if kind == "auth" else "\n"
    command = ["radclient", "-x", "-r", "2", "-t", "8", f"{server}:{port}", kind, secret or setting("local_secret")]
    return run(*command, input=lines).stdout


def log_in(code, *router):
    """A log-in at this machine, or at a router with its address and secret."""
    answer = radius("auth", {"User-Name": code, "User-Password": code, "Calling-Station-Id": DEVICE}, *router)
    expect("Access-Accept" in answer, f"FreeRADIUS does not let {code} in: {answer}")


def account(code, status, secs, *router):
    """One report of a session; its row must then have these seconds."""
    session = {"User-Name": code, "Acct-Session-Id": code, "Acct-Status-Type": status, "Acct-Session-Time": secs}
    more = {"NAS-IP-Address": "127.0.0.1", "Calling-Station-Id": DEVICE, "Acct-Input-Octets": 1000 * secs}
    answer = radius("acct", {**session, **more}, *router)
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


def step(name, work):
    began = time.monotonic()
    work()
    print(f"{name} ({time.monotonic() - began:.1f} s)", flush=True)
