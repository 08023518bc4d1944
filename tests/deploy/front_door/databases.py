"""Databases: PostgreSQL behind PgBouncer, as a replica, and with what else a start must refuse."""

import glob
import json
import os
import pathlib
import shutil
import subprocess
import urllib.parse

from client import PORTAL
from servers import BINARY, OPERATOR_TOKEN, POSTGRES, Servers, expect, free_port, run, wait_until

SERVER = urllib.parse.urlsplit(POSTGRES)
BIN = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
# PostgreSQL and PgBouncer refuse to run as root.
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
AS_SERVER = AS_POSTGRES if os.geteuid() == 0 else []


def pgbouncer(servers, name, mode):
    """A PgBouncer in front of the check's PostgreSQL. Returns its URL, the program and how to start it
    again."""
    port = free_port()
    configuration = servers.folder / f"{name}.ini"
    configuration.write_text(
        f"""[databases]
* = host={SERVER.hostname} port={SERVER.port} user={SERVER.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 40
max_client_conn = 200
"""
    )
    command = [*AS_SERVER, shutil.which("pgbouncer"), str(configuration)]
    again = lambda: servers.start(name, command, port)
    return f"postgres://malipo@127.0.0.1:{port}", again(), again


def refusal(url):
    """What a start on this database prints."""
    env = {"MALIPO__DATABASE__URL": url, "MALIPO__SERVER__BIND": "127.0.0.1:0", "MALIPO__LOG__FILTER": "off"}
    done = subprocess.run([BINARY, "serve"], env=env, capture_output=True, text=True, timeout=60)
    lines = done.stderr.strip().splitlines()
    expect(done.returncode == 1 and len(lines) == 1, f"{url}: exit {done.returncode}, {lines}")
    return lines[0]


def must_refuse(url, *words):
    line = refusal(url)
    for word in words:
        expect(word in line, f"no {word!r} in: {line}")


def sell(shop, phone):
    """Returns the status of the webhook, or of a purchase that is to be repeated."""
    order = {"packageId": "daily", "phoneNumber": str(phone)}
    status, _, body = shop.ask("POST", PORTAL + "/payment", order)
    if status == 503:
        return status
    expect(status == 201, f"a purchase was answered {status}: {body[:200]!r}")
    paid = {"order_id": json.loads(body)["order_id"], "payment_status": "COMPLETED"}
    key = {"x-api-key": "sandbox-key"}
    return shop.ask("POST", PORTAL + "/webhook/zenopay", paid, key)[0]


def pgbouncer_in_session_mode_sells():
    """Behind PgBouncer in session mode each order is sold once, also after its restart."""
    with Servers("pgbouncer") as servers:
        url, pooler, again = pgbouncer(servers, "session", "session")
        direct = servers.postgres("pooled")
        shop = servers.malipo("shop", f"{url}/pooled", LIMITS__PROMPTS_PER_SEC="100000")
        drill = [BINARY, "drill", "--url", f"http://127.0.0.1:{shop.port}", "--token", OPERATOR_TOKEN]
        drill += ["--database", direct, "--orders", "60", "--copies", "5"]
        env = {"MALIPO__DATABASE__URL": direct}
        done = subprocess.run(drill, env=env, capture_output=True, text=True, timeout=90)
        expect(done.returncode == 0, f"the drill failed: {done.stdout[-1500:]}{done.stderr[-500:]}")
        pooler.stop()
        expect(shop.ask("GET", "/health/ready")[0] == 503, "it is ready without its database")
        again()
        wait_until(lambda: shop.ask("GET", "/health/ready")[0] == 200, "it is not ready again")
        # Each connection that died fails once.
        wait_until(lambda: sell(shop, 715000000) == 200, "it does not sell again")


def other_modes_of_pgbouncer_are_refused():
    """PgBouncer in transaction or statement mode is refused in a sentence that names session mode."""
    with Servers("pgbouncer-modes") as servers:
        servers.postgres("modes")
        for mode in ["transaction", "statement"]:
            url, _, _ = pgbouncer(servers, mode, mode)
            must_refuse(f"{url}/modes", "database.url", "pool_mode = session")
        must_refuse(f"{url}/none", "database.url", "none")


def cluster(servers, name, *make):
    """Makes and starts a PostgreSQL of its own. Returns its port."""
    port, home = free_port(), servers.folder / name
    subprocess.run([*AS_SERVER, *make], check=True, capture_output=True, cwd="/tmp")
    command = [*AS_SERVER, str(BIN / "postgres"), "-D", str(home / "data"), "-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={home}"]
    servers.start(name, command, port)
    answers = [str(BIN / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    wait_until(lambda: subprocess.run(answers).returncode == 0, f"{name} does not answer")
    return port


def folder_of(servers, name):
    home = servers.folder / name
    home.mkdir()
    if AS_SERVER:
        shutil.chown(home, "postgres", "postgres")
    return home


def replicas_and_wrong_passwords_are_refused():
    """A replica, a wrong password, LATIN1 and a read-only database are refused with what to do."""
    with Servers("replica") as servers:
        home = folder_of(servers, "primary")
        initdb = [str(BIN / "initdb"), "-D", str(home / "data"), "-U", "postgres", "-A", "trust"]
        initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        port = cluster(servers, "primary", *initdb)
        primary = f"postgres://postgres@127.0.0.1:{port}"
        rules = home / "data" / "pg_hba.conf"
        rules.write_text("host all keeper 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        for statement in [
            "CREATE DATABASE shop",
            "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
            "CREATE DATABASE fixed",
            "ALTER DATABASE fixed SET default_transaction_read_only = on",
            "CREATE ROLE keeper LOGIN PASSWORD 'right'",
            "SELECT pg_reload_conf()",
        ]:
            subprocess.run(["psql", "-qAtX", f"{primary}/postgres", "-c", statement], check=True, capture_output=True)

        standby = folder_of(servers, "standby")
        backup = [str(BIN / "pg_basebackup"), "-D", str(standby / "data"), "-R", "--no-sync", "-c", "fast"]
        replica = cluster(servers, "standby", *backup, "-d", f"{primary}/postgres")

        must_refuse(f"postgres://postgres@127.0.0.1:{replica}/shop", "replica", "primary")
        must_refuse(f"{primary}/latin", "LATIN1", "--encoding=UTF8")
        must_refuse(f"{primary}/fixed", "read-only")
        must_refuse(f"{primary.replace('postgres@', 'keeper:wrong@')}/shop", "refuses user keeper")
        shop = servers.malipo("shop", f"{primary}/shop")
        expect(sell(shop, 715000001) == 200, "it does not sell on the primary")


if __name__ == "__main__":
    run(
        pgbouncer_in_session_mode_sells,
        other_modes_of_pgbouncer_are_refused,
        replicas_and_wrong_passwords_are_refused,
    )
