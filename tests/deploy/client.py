"""Shared by the checks of deploy/: requests, orders, and responses with their times."""

import http.client
import json
import subprocess
import threading
import time
import urllib.parse
from collections import Counter

PORTAL = "/api/v1/customer-portal"
WEBHOOK = PORTAL + "/webhook/zenopay"
# The sandbox's built-in key.
GATEWAY_KEY = "sandbox-key"
# Guaranteed whatever the database does.
WEBHOOK_WITHIN_SECS = 5.0
# Longer than any limit of nginx, so that its 504 arrives.
CLIENT_WAIT_SECS = 100


class Front:
    """A server's address; each request uses its own connection."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=CLIENT_WAIT_SECS)

    def ask(self, method, path, document=None, headers=None):
        """Returns status, seconds and body; status 0 without a response."""
        return exchange(self.connect(), method, path, document, headers, close=True)

    def webhook(self, order):
        """Sends a proven webhook with COMPLETED to the order's own URL."""
        path = f"{WEBHOOK}/{order['id']}.{order['secret']}"
        return self.ask("POST", path, {"order_id": order["id"], "payment_status": "COMPLETED"})

    def buy(self, database, count, first_phone):
        """Buys `count` orders, each with its own phone. They stay PENDING. Returns ids, versions and
        webhook secrets."""
        orders = []
        for number in range(count):
            purchase = {"packageId": "daily", "phoneNumber": str(first_phone + number)}
            status, _, body = self.ask("POST", PORTAL + "/payment", purchase)
            if status != 201:
                raise SystemExit(f"purchase {number} was answered {status}: {body[:300]!r}")
            answer = json.loads(body)
            orders.append({"id": answer["order_id"], "version": answer["version"]})
        rows = sql(database, "SELECT order_id, webhook_secret FROM payments")
        secrets = dict(row.split("|") for row in rows)
        for order in orders:
            order["secret"] = secrets[order["id"]]
        return orders


def exchange(connection, method, path, document=None, headers=None, close=False):
    """Sends one request on a connection, which is kept unless `close` is set."""
    body = None if document is None else json.dumps(document)
    began = time.monotonic()
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as fault:
        connection.close()
        status, body = 0, repr(fault).encode()
    finally:
        if close:
            connection.close()
    return status, time.monotonic() - began, body


def sql(database, statement):
    """Returns the rows of a statement, with columns separated by |."""
    done = subprocess.run(
        ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", database, "-c", statement],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


class Tally:
    """Responses of one kind: the number of each status, and the slowest."""

    def __init__(self, name):
        self.name = name
        self.statuses = Counter()
        self.slowest = 0.0
        self.lock = threading.Lock()

    def add(self, answer):
        status, secs, _ = answer
        with self.lock:
            self.statuses[status] += 1
            self.slowest = max(self.slowest, secs)
        return answer

    def __str__(self):
        counts = ", ".join(f"{count} x {status}" for status, count in self.statuses.most_common())
        return f"{self.name}: {counts or 'none'}; slowest {self.slowest:.2f} s"

    def broken_promises(self, allowed, within=None):
        """One line for each promise that did not hold."""
        others = set(self.statuses) - set(allowed)
        if not self.statuses:
            yield f"{self.name}: no request was sent"
        if others:
            wrong = sum(self.statuses[status] for status in others)
            yield f"{self.name}: {wrong} of {self.statuses.total()} are not {sorted(allowed)}"
        if within is not None and self.slowest > within:
            yield f"{self.name}: one took {self.slowest:.2f} s, the limit is {within} s"


def report(tallies, broken):
    """Prints the responses and exits with 1 if a promise was broken."""
    for tally in tallies:
        print(f"        {tally}")
    for line in broken:
        print(f"        BROKEN: {line}")
    raise SystemExit(1 if broken else 0)
