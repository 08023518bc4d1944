"""The binary behind nginx and Caddy, set up by the commands of the README, and behind two proxies.

The proxies, the guests and the server are on one machine, so that an address of 127.0.0.0/8 is a
guest's (.11, .12) or a proxy's (.1 for Caddy, which cannot choose it, .21 and .22 for nginx).
"""

import http.client
import json
import pathlib
import re
import shutil
import subprocess
import threading
import time

from client import GATEWAY_KEY, PORTAL, WEBHOOK, WEBHOOK_WITHIN_SECS, Front, Tally, exchange, sql
from crowd import lock_row, unlock
from logs import HEADERS, SECRET, look_for_secrets, routes_of_pages
from servers import LONG, OPERATOR_TOKEN, Servers, expect, free_port, run, wait_until

CAPTIVE = f"{PORTAL}/captive"
GUEST, OTHER_GUEST = "127.0.0.11", "127.0.0.12"
CROWD = 300 if LONG else 30
# The longest hold. nginx's default is 60 s, and an earlier configuration's limit was 30 s.
HOLD_SECS = 55
HOST = "shop.example"


def commands_of_readme(program):
    """The lines of the README that set this proxy up."""
    blocks = re.findall(r"```sh\n(.*?)```", pathlib.Path("README.md").read_text(), re.S)
    [block] = [block for block in blocks if f"systemctl reload {program}" in block]
    return block


def configured(servers, name, program):
    """A copy of the proxy's folder in /etc, as it is after the commands of the README."""
    folder = servers.folder / name
    etc = pathlib.Path(shutil.copytree(f"/etc/{program}", folder / "etc", symlinks=True))
    commands = commands_of_readme(program).replace("HOST=wifi.example", f"HOST={HOST}")
    commands = commands.replace("sudo ", "").replace(f"/etc/{program}", str(etc))
    commands = re.sub(r"^(nginx -t|systemctl).*$", "", commands, flags=re.M)
    # Twice: an operator may paste them again.
    for _ in range(2):
        subprocess.run(["bash", "-euo", "pipefail", "-c", commands], check=True, stdout=subprocess.DEVNULL)
    return folder, etc


def change(file, *pairs):
    """Replaces texts in a file; each must be there."""
    text = file.read_text()
    for old, new in pairs:
        expect(old in text, f"{file.name} has no {old!r}")
        text = text.replace(old, new)
    file.write_text(text)


def nginx(servers, name, upstream, address):
    """nginx as the README sets it up, on a port of this machine; connects from `address`."""
    port, plain = free_port(), free_port()
    folder, etc = configured(servers, name, "nginx")
    (etc / "sites-enabled/default").unlink(missing_ok=True)
    change(
        etc / "sites-enabled/malipo",
        ("listen 443 ssl;", f"listen 127.0.0.1:{port}; proxy_bind {address};"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("root /var/www/html;", f"root {folder};"),
        (f"/etc/letsencrypt/live/{HOST}/fullchain.pem", str(servers.folder / "cert.pem")),
        (f"/etc/letsencrypt/live/{HOST}/privkey.pem", str(servers.folder / "key.pem")),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
        ("/var/log/nginx/", f"{folder}/"),
    )
    change(
        etc / "nginx.conf",
        ("/etc/nginx/", f"{etc}/"),
        ("/run/nginx.pid", f"{folder}/pid"),
        ("/var/log/nginx/", f"{folder}/"),
        ("worker_processes auto;", "worker_processes 1;"),
        ("http {", f"http {{ {temporary_folders(folder)}"),
    )
    command = ["nginx", "-c", f"{etc}/nginx.conf", "-e", f"{folder}/error.log"]
    subprocess.run([*command, "-t", "-q"], check=True)
    program = servers.start(name, [*command, "-g", "daemon off;"], port)
    front = Front(f"http://127.0.0.1:{port}")
    front.plain = Front(f"http://127.0.0.1:{plain}")
    return front, program


def temporary_folders(folder):
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def caddy(servers, name, upstream, before=None):
    """Caddy as the README sets it up, without TLS; `before` is the address of a proxy before it."""
    port = free_port()
    folder, etc = configured(servers, name, "caddy")
    trusted = f"trusted_proxies {before}\n" if before else ""
    change(
        etc / "Caddyfile",
        (f"\n{HOST} {{", f"\nhttp://127.0.0.1:{port} {{\nbind 127.0.0.1"),
        ("/var/log/caddy/", f"{folder}/"),
        ("reverse_proxy 127.0.0.1:8080 {", f"reverse_proxy 127.0.0.1:{upstream} {{\n{trusted}"),
        ("servers {", "admin off\nservers {"),
    )
    command = ["caddy", "run", "--config", f"{etc}/Caddyfile", "--adapter", "caddyfile"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    return Front(f"http://127.0.0.1:{port}"), servers.start(name, command, port, env)


def certificate(servers):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        + ["-days", "2", "-subj", "/CN=wifi.example", "-keyout", "key.pem", "-out", "cert.pem"],
        check=True,
        capture_output=True,
        cwd=servers.folder,
    )


def ask_from(address, front, method, path, headers=None):
    """A request from this address of the machine."""
    connection = http.client.HTTPConnection(front.host, front.port, 30, source_address=(address, 0))
    return exchange(connection, method, path, headers=headers or {}, close=True)


class Scene:
    """A server that trusts its proxies, one that trusts nobody, and the proxies."""

    def __init__(self, servers):
        certificate(servers)
        database = servers.postgres("proxies")
        settings = {"PORTAL__ON_SITE": "true", "LIMITS__PROMPTS_PER_SEC": "100000"}
        # The tests' guests are one client of each proxy.
        settings["LIMITS__PURCHASES_PER_CLIENT_MIN"] = "100000"
        # The ranges of .1, and of .20 to .23.
        trusted = "127.0.0.1,127.0.0.20/30"
        self.shop = servers.malipo("shop", database, SERVER__TRUSTED_PROXIES=trusted, **settings)
        self.careless = servers.malipo("careless", database, **settings)
        self.nginx, self.nginx_program = nginx(servers, "nginx", self.shop.port, "127.0.0.21")
        self.caddy, self.caddy_program = caddy(servers, "caddy", self.shop.port)
        self.careless_nginx, _ = nginx(servers, "nginx-careless", self.careless.port, "127.0.0.21")
        second_caddy, _ = caddy(servers, "caddy-second", self.shop.port, before="127.0.0.22")
        self.two = {
            "two nginx": nginx(servers, "nginx-first", self.nginx.port, "127.0.0.22")[0],
            "nginx and Caddy": nginx(servers, "nginx-outer", second_caddy.port, "127.0.0.22")[0],
            "Caddy and nginx": caddy(servers, "caddy-outer", self.nginx.port)[0],
        }

    def one(self):
        return {"nginx": self.nginx, "Caddy": self.caddy}

    def fronts(self):
        return {**self.one(), **self.two}


def sale(scene):
    """A guest buys, waits and gets a code through each proxy."""
    for number, (name, front) in enumerate(scene.fronts().items()):
        [order] = front.buy(scene.shop.database, 1, 712000000 + number)
        poll = f"{PORTAL}/payment/status/{order['id']}?since={order['version']}&wait=20"
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(front.ask("GET", poll)))
        waiting.start()
        wait_until(lambda: scene.shop.metric("malipo_status_waiters") == 1, f"{name}: nobody waits")
        status, secs, body = front.webhook(order)
        expect(status == 200, f"{name}: the webhook was answered {status}: {body[:200]!r}")
        expect(secs <= WEBHOOK_WITHIN_SECS, f"{name}: the webhook was answered after {secs:.1f} s")
        waiting.join()
        status, secs, body = answers[0]
        expect(status == 200 and secs < 10, f"{name}: the poll was answered {status} after {secs:.1f} s")
        code = json.loads(body)["voucher_code"]
        expect(code, f"{name}: the poll has no code: {body[:200]!r}")
        status, _, body = front.ask("GET", f"/order/{order['id']}")
        expect(status == 200 and code.encode() in body, f"{name}: the page has no code: {status}")
        for hidden in ("/metrics", "/sandbox", "//metrics", "/sandbox/behaviour"):
            status, _, _ = front.ask("GET", hidden)
            expect(status == 404, f"{name}: {hidden} is answered {status}")


def plain_http(scene):
    """nginx answers certbot's challenges on port 80, and redirects all else to HTTPS."""
    folder = scene.nginx_program.log_path.parent / ".well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("the answer")
    status, _, body = scene.nginx.plain.ask("GET", "/.well-known/acme-challenge/token")
    expect((status, body) == (200, b"the answer"), f"the challenge is answered {status}: {body[:200]!r}")
    for path in ("/", f"/v/{SECRET}?q={SECRET}", "/.well-known/other"):
        connection = scene.nginx.plain.connect()
        connection.request("GET", path, headers={"Host": "another.example"})
        answer = connection.getresponse()
        place = answer.getheader("location")
        expect(answer.status == 301, f"{path} is answered {answer.status}")
        expect(place == f"https://{HOST}{path}", f"{path} leads to {place}")


def spellings(scene):
    """A webhook arrives whatever its slashes, and a proxy may double the key's header."""
    for number, (name, front) in enumerate(scene.fronts().items()):
        orders = front.buy(scene.shop.database, 4, 713000000 + 10 * number)
        own = [f"{WEBHOOK}/{order['id']}.{order['secret']}" for order in orders]
        key = {"x-api-key": f"{GATEWAY_KEY}, {GATEWAY_KEY}"}
        paths = [own[0] + "/", own[1].replace("/", "//") + "//", f"{WEBHOOK}/", f"/{WEBHOOK}"]
        for order, path, headers in zip(orders, paths, ({}, {}, key, key)):
            document = {"order_id": order["id"], "payment_status": "COMPLETED"}
            status, _, body = front.ask("POST", path, document, headers)
            expect(status == 200, f"{name}: {path} is answered {status}: {body[:200]!r}")
        status, _, _ = front.ask("GET", f"{WEBHOOK}/")
        expect(status == 405, f"{name}: GET is answered {status}")


def open_session(scene):
    """A guest's device is on-line with a sold code, at GUEST's address."""
    [order] = scene.nginx.buy(scene.shop.database, 1, 714000000)
    expect(scene.nginx.webhook(order)[0] == 200, "the webhook was refused")
    code = "(SELECT code FROM vouchers ORDER BY id DESC LIMIT 1)"
    sql(
        scene.shop.database,
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, framedipaddress,"
        f" acctstarttime, acctupdatetime) VALUES ('1', '1', {code}, '127.0.0.1', '{GUEST}', now(), now())",
    )


def is_captive(address, front, headers=None):
    status, _, body = ask_from(address, front, "GET", CAPTIVE, headers)
    expect(status == 200, f"{CAPTIVE} is answered {status}: {body[:200]!r}")
    return json.loads(body)["captive"]


def addresses(scene):
    """Behind one and two proxies the server knows the client's address, and the client cannot forge it."""
    open_session(scene)
    for name, front in scene.fronts().items():
        expect(not is_captive(GUEST, front), f"{name}: the guest's address was lost")
        expect(is_captive(OTHER_GUEST, front), f"{name}: another guest is taken for the one on-line")
        for forged in (GUEST, f"{GUEST}, {OTHER_GUEST}", f"{OTHER_GUEST}, {GUEST}", f"{GUEST}, 127.0.0.21"):
            headers = {"X-Forwarded-For": forged}
            expect(is_captive(OTHER_GUEST, front, headers), f"{name}: X-Forwarded-For {forged} is believed")
    direct = {"X-Forwarded-For": GUEST}
    expect(is_captive(OTHER_GUEST, scene.shop, direct), "a guest without a proxy is believed")
    refused = scene.shop.metric("malipo_untrusted_forwarded_for_total")
    expect(refused == 1, f"the guest's own X-Forwarded-For was counted {refused} times")


def without_trust(scene):
    """A proxy that is not trusted is not believed, and is reported."""
    expect(is_captive(GUEST, scene.careless_nginx), "X-Forwarded-For counts without trusted_proxies")
    expect(is_captive("127.0.0.1", scene.careless_nginx, {"X-Forwarded-For": GUEST}), "a forged one counts")
    counted = scene.careless.metric("malipo_untrusted_forwarded_for_total")
    expect(counted == 2, f"malipo_untrusted_forwarded_for_total is {counted}")
    reports = scene.careless.log().count("X-Forwarded-For does not count")
    expect(reports == 1, f"the log has {reports} lines about it")
    headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
    _, _, words = scene.careless.ask("GET", "/operator/words", headers=headers)
    expect(b"X-Forwarded-For from 127.0.0.21" in words, f"the console does not say so: {words[:300]!r}")


def crowd(scene):
    """Every proxy holds 30 polls for 55 s each. While one order's row is locked, other webhooks are fast."""
    database, tallies, threads = scene.shop.database, [], []
    fronts = {**scene.one(), **scene.two}
    watched = scene.nginx.buy(database, CROWD, 716000000)
    [locked, *sold] = scene.nginx.buy(database, 1 + 2 * len(fronts), 717000000)
    session = lock_row(database, locked)

    def start(act, *arguments):
        threads.append(threading.Thread(target=act, args=arguments))
        threads[-1].start()

    def add(tally, request, *arguments):
        tally.add(request(*arguments))

    for name, front in fronts.items():
        held, slow = Tally(f"{name}: held"), Tally(f"{name}: webhook of a locked row")
        paid, shop = Tally(f"{name}: webhooks"), Tally(f"{name}: the shop's page")
        tallies.append((held, slow, paid, shop))
        # The whole crowd through each proxy of its own, and a few behind two.
        crowd = watched if name in scene.one() else watched[:2]
        for number, order in enumerate(crowd):
            path = f"/order/{order['id']}" if number % 2 else f"{PORTAL}/payment/status/{order['id']}"
            path = f"{path}?since={order['version']}&wait={HOLD_SECS}"
            start(add, held, front.ask, "GET", path)
    time.sleep(1)
    for front, (_, slow, paid, shop) in zip(fronts.values(), tallies):
        start(add, slow, front.webhook, locked)
        for order in (sold.pop(), sold.pop()):
            start(add, paid, front.webhook, order)
            start(add, shop, front.ask, "GET", "/")
    for thread in threads:
        thread.join()
    unlock(session)
    judge(tallies)
    status, _, body = scene.caddy.webhook(locked)
    expect(status == 200, f"the webhook after the lock was answered {status}: {body[:200]!r}")


def judge(tallies):
    broken = []
    for held, slow, paid, shop in tallies:
        print("; ".join(map(str, (held, slow, paid, shop))))
        broken += held.broken_promises({200})
        # 503 means that a later copy may succeed.
        broken += slow.broken_promises({200, 503}, WEBHOOK_WITHIN_SECS)
        broken += paid.broken_promises({200}, WEBHOOK_WITHIN_SECS)
        broken += shop.broken_promises({200}, WEBHOOK_WITHIN_SECS)
        # The server ends each wait up to a tenth early, at random.
        if held.slowest < HOLD_SECS * 0.9:
            broken.append(f"{held.name}: none was held for {HOLD_SECS * 0.9:.0f} s")
    expect(not broken, "; ".join(broken))


def logged_by_caddy(scene):
    return [json.loads(line) for line in (scene.caddy_program.log_path.parent / "malipo.log").open()]


def logs(scene):
    """No log of a proxy has a secret, also when the server is gone."""
    _, _, document = scene.shop.ask("GET", "/openapi.json")
    known = sorted(set(json.loads(document)["paths"]) | set(routes_of_pages()))
    unknown = ["/{x}", "/v/{x}/new/{x}", "/v/v1{x}", "/operator/orders/{x}/new", "//order//{x}", "/v%2F{x}"]
    expect(len(known) > 40, f"only {len(known)} routes")
    folders = [program.log_path.parent for program in (scene.nginx_program, scene.caddy_program)]
    logged_as = lambda kind: [line for line in logged_by_caddy(scene) if line.get("logger") == kind]
    accessed = lambda: len(logged_as("http.log.access"))

    def visit_all():
        before = accessed()
        for front in scene.one().values():
            connection = front.connect()
            for path in known + unknown:
                asked = re.sub(r"\{[^}]*\}", SECRET, path) + f"?q={SECRET}"
                exchange(connection, "GET", asked, headers={**HEADERS, "Cookie": f"session={SECRET}"})
        wait_until(lambda: accessed() >= before + len(known + unknown), "Caddy has not logged each request")

    visit_all()
    uris = {line["request"]["uri"] for line in logged_by_caddy(scene) if "request" in line}
    shown = {"", "/v", "/order", "/operator/orders", "/api/v1/customer-portal/payment/status"}
    expect(shown <= uris, f"Caddy's log does not have {shown - uris}")
    scene.shop.stop()
    visit_all()
    expect(logged_as("http.log.error"), "Caddy logged no error about the server that is gone")
    for folder in folders:
        look_for_secrets(folder / "malipo.log")


def main():
    with Servers("proxies") as servers:
        scene = Scene(servers)
        steps = (sale, plain_http, spellings, addresses, without_trust, crowd, logs)
        run(*[named(step, scene) for step in steps])


def named(step, scene):
    """The step as a function without arguments, with its sentence."""
    whole = lambda: step(scene)
    whole.__doc__ = step.__doc__
    return whole


if __name__ == "__main__":
    main()
