"""The shipped nginx configuration logs routes only: no secrets and no order ids.

    logs.py FRONT_URL OPENAPI_URL ACCESS_LOG                requests each route with a secret in it
    logs.py --starved FRONT_URL DATABASE_URL ACCESS_LOG     uses up nginx's connections

Searches every file in the folder of ACCESS_LOG.
"""

import json
import pathlib
import re
import sys
import threading
import time

from client import PORTAL, Front, exchange

SECRET = "n3verlogged"
HEADERS = {"Referer": f"https://wifi.example/v/{SECRET}"}
# Files of the test itself, which are not logs.
OURS = (".conf", ".pem")


def routes_of_pages():
    """The routes that are not in the OpenAPI document, from the source."""
    page = r'\.route\(\s*"(/[^"]*)",\s*(?:page\(|web::get\(\)\.to\(pages::)'
    paths = re.findall(page, pathlib.Path("src/http/mod.rs").read_text())
    for file in pathlib.Path("src/http/console").rglob("*.rs"):
        found = re.findall(r'\.route\(\s*"(/[^"]*)"', file.read_text())
        paths.extend("/operator" + path for path in found)
    return [path for path in paths if not path.startswith("/sandbox")]


def lines_of(log):
    return log.read_text().splitlines()


def wait_for(log, count):
    """Waits for the log lines, because nginx logs a request after its response was sent."""
    deadline = time.monotonic() + 30
    while len(lines_of(log)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"nginx logged {len(lines_of(log))} lines of {count}")
        time.sleep(0.05)


def look_for_secrets(log):
    for file in log.parent.iterdir():
        if file.is_file() and file.suffix not in OURS:
            for line in file.read_text(errors="replace").splitlines():
                if SECRET in line:
                    raise SystemExit(f"{file.name} contains a secret: {line}")


def every_route(front, openapi_url, log):
    _, _, document = Front(openapi_url).ask("GET", "/openapi.json")
    machines = {path for path in json.loads(document)["paths"] if "/sandbox" not in path}
    pages = set(routes_of_pages())
    assert len(machines) > 20 and len(pages) > 20, (machines, pages)

    known = sorted(machines | pages)
    unknown = [f"/{SECRET}", f"/new/{SECRET}", f"/operator/new/{SECRET}", f"/v/{SECRET}/new/{SECRET}"]
    before = len(lines_of(log))
    # One connection, so that the lines are in the order of the requests.
    connection = front.connect()
    for path in known + unknown:
        asked = re.sub(r"\{[^}]*\}", SECRET, path) + f"?q={SECRET}&since=1"
        exchange(connection, "GET", asked, headers=HEADERS)
    wait_for(log, before + len(known) + len(unknown))

    shown = [re.search(r'"GET (\S+)"', line)[1] for line in lines_of(log)[before:]]
    template = lambda path: re.sub(r"\{[^}]*\}", "{}", path)
    # /operator/{kind}/{id}/{act} has few kinds and acts, which the log shows by name.
    misread = [
        (path, seen)
        for path, seen in zip(known, shown)
        if template(path) != template(seen).replace("/webhook/{}", "/webhook/zenopay") and "{kind}" not in path
    ]
    if misread:
        raise SystemExit(f"routes that the log shows wrongly: {misread}")
    look_for_secrets(log)


def starved(front, database, log):
    """Opens more polls than nginx has connections; nginx logs an error for such a request."""
    [order] = front.buy(database, 1, 718000000)
    path = f"{PORTAL}/payment/status/{order['id']}?since={order['version']}&wait=1&q={SECRET}"
    ask = lambda: front.ask("GET", path, headers=HEADERS)
    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
        # nginx would refuse simultaneous connections before it has read a request.
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    if not any(re.search(r'" 500 ', line) for line in lines_of(log)):
        raise SystemExit("nginx did not run out of connections")
    look_for_secrets(log)


if __name__ == "__main__":
    check = starved if sys.argv[1] == "--starved" else every_route
    front_url, other_url, access_log = sys.argv[-3:]
    check(Front(front_url), other_url, pathlib.Path(access_log))
