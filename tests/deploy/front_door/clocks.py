"""Clocks: the clock of the running server jumps by -14 days, +1 day and back while it sells.

libfaketime gives the binary another time than this machine's; its monotonic clock stays right, as after a
step of NTP.
"""

import datetime
import glob
import http.server
import json
import threading
import time

from client import GATEWAY_KEY, PORTAL, WEBHOOK, Front
from servers import BINARY, LONG, Servers, expect, free_port, run, wait_until

LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
RIGHT, BEHIND, AHEAD = "+0", "-14d", "+1d"
# Longer than a jump stays unnoticed.
NOTICED_AFTER_SECS = 1.5
# The server reads its clock twice a second, and asks ZenoPay every five seconds while in doubt.
NOTICED_WITHIN_SECS = 10
# `portal.resume_secs`.
WAIT_MAX_SECS = 90


class Clock:
    """The time of the programs that have this environment."""

    def __init__(self, servers):
        expect(LIBRARY, "libfaketime is missing; scripts/test installs it")
        self.file = servers.folder / "time"
        self.set(RIGHT)
        self.env = {
            "LD_PRELOAD": LIBRARY[0],
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset):
        # Replaced at once, so that no program reads half a line.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.replace(self.file)


class ZenoPay(http.server.BaseHTTPRequestHandler):
    """Accepts every push and knows no order. Each answer has this machine's time in its Date."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b'{"status": "success", "resultcode": "000"}'
        self.send_response(200 if self.command == "POST" else 404)
        self.send_header("content-length", str(len(body) if self.command != "HEAD" else 0))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_):
        pass


def zenopay():
    """Serves on a free port until this process ends. Returns the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ZenoPay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def buy(shop, phone):
    """Returns status and document."""
    purchase = {"packageId": "daily", "phoneNumber": str(phone)}
    status, _, body = shop.ask("POST", PORTAL + "/payment", purchase)
    return status, json.loads(body)


def bought(shop, phone):
    status, order = buy(shop, phone)
    expect(status == 201, f"a purchase was answered {status}: {order}")
    return order["order_id"]


def deliver(shop, order):
    """Sends a webhook with the key. Returns the status."""
    document = {"order_id": order, "payment_status": "COMPLETED"}
    return shop.ask("POST", WEBHOOK, document, {"x-api-key": GATEWAY_KEY})[0]


def status_of(shop, order):
    return json.loads(shop.ask("GET", f"{PORTAL}/payment/status/{order}")[2])


def ready(shop):
    status, _, body = shop.ask("GET", "/health/ready")
    return status, body.decode()


def sqlite(servers, name):
    return f"sqlite://{servers.folder}/{name}.db?mode=rwc"


def sms_sent(shop):
    _, _, text = shop.ask("GET", "/metrics")
    lines = [line for line in text.decode().splitlines() if line.startswith("malipo_sms_sent_total ")]
    return float(lines[0].split()[1])


def sandbox_sells_through_all_jumps():
    """A clock that jumps by -14 days, +1 day and back stops neither purchases nor webhooks nor SMS."""
    with Servers("clock-jumps") as servers:
        clock = Clock(servers)
        limits = {"LIMITS__PROMPTS_PER_PHONE": "100", "LIMITS__UNPAID_PER_PHONE_DAY": "100"}
        shop = servers.malipo("shop", sqlite(servers, "jumps"), env=clock.env, **limits)
        phone, sold = 712000001, 0
        for offset in [RIGHT, BEHIND, RIGHT, AHEAD, RIGHT, BEHIND, AHEAD, RIGHT]:
            # Not paid when the clock jumps.
            open_order = bought(shop, phone + 1)
            clock.set(offset)
            time.sleep(NOTICED_AFTER_SECS)
            for order in [open_order, bought(shop, phone)]:
                answer = deliver(shop, order)
                expect(answer == 200, f"at {offset} a webhook was answered {answer}")
                sold += 1
            wait_until(lambda: sms_sent(shop) == sold, f"at {offset} an SMS was not sent", 20)
            expect(ready(shop)[0] == 200, f"at {offset} the sandbox is not ready")
        expect("in the future" in ready(shop)[1], "rows of the future are not reported")
        # An open prompt of the future.
        clock.set(AHEAD)
        time.sleep(NOTICED_AFTER_SECS)
        bought(shop, phone)
        clock.set(RIGHT)
        time.sleep(NOTICED_AFTER_SECS)
        status, answer = buy(shop, phone)
        expect(status == 201, f"a prompt of the future makes a guest wait: {status} {answer}")


def lost_webhooks_are_found_after_a_jump():
    """What a clock that was ahead has scheduled is done within the time of an open prompt."""
    with Servers("clock-ahead") as servers:
        clock = Clock(servers)
        database = sqlite(servers, "ahead")
        shop = servers.malipo("shop", database, env=clock.env)
        clock.set(AHEAD)
        time.sleep(NOTICED_AFTER_SECS)
        order = bought(shop, 712000003)
        clock.set(RIGHT)
        time.sleep(NOTICED_AFTER_SECS)
        silent = {"decision": "approve", "deliver": False}
        status = shop.ask("POST", f"/sandbox/payments/{order}/decide", silent)[0]
        expect(status == 200, f"the simulated subscriber was answered {status}")
        is_sold = lambda: status_of(shop, order)["payment_status"] == "COMPLETED"
        wait_until(is_sold, "the lost webhook was not found", WAIT_MAX_SECS)


def live_shop(servers, name, clock):
    return servers.malipo(name, sqlite(servers, name), env=clock.env, **live(zenopay()))


def live(gateway):
    return {
        "ZENOPAY__MODE": "live",
        "ZENOPAY__BASE_URL": gateway,
        "ZENOPAY__API_KEY": GATEWAY_KEY,
        "SERVER__PUBLIC_URL": "https://hotspot.example",
    }


def live_shop_sells_only_by_the_right_time():
    """In live mode nothing is sold while the clock differs from ZenoPay's, and no code ends too early."""
    with Servers("clock-live") as servers:
        clock = Clock(servers)
        shop = live_shop(servers, "live", clock)
        for number, (offset, word) in enumerate([(BEHIND, "14 days behind"), (AHEAD, "24 hours ahead")]):
            order = bought(shop, 713000000 + number)
            clock.set(offset)
            wait_until(lambda: ready(shop)[0] == 503, f"at {offset} it is ready", NOTICED_WITHIN_SECS)
            expect(word in ready(shop)[1], f"at {offset} readiness says {ready(shop)[1]}")
            status, answer = buy(shop, 713000100 + number)
            expect((status, answer["code"]) == (503, "unavailable"), f"a purchase: {status} {answer}")
            expect(deliver(shop, order) == 503, f"at {offset} a webhook was not answered 503")
            expect(status_of(shop, order)["payment_status"] == "PENDING", "it was sold nevertheless")
            clock.set(RIGHT)
            wait_until(lambda: ready(shop)[0] == 200, "it is not ready again", NOTICED_WITHIN_SECS)
            expect(deliver(shop, order) == 200, "the webhook does not sell when the clock is right")
            ends = datetime.datetime.fromisoformat(status_of(shop, order)["expires_at"])
            hours = (ends - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 3600
            expect(23.9 < hours < 24.1, f"the code of a day ends in {hours} hours")


def live_shop_asks_for_the_time_at_its_start():
    """A server that starts with a wrong clock is not ready until the clock is set."""
    with Servers("clock-start") as servers:
        clock = Clock(servers)
        clock.set(BEHIND)
        # Not `servers.malipo`, which waits until it is ready.
        port, gateway = free_port(), zenopay()
        settings = {
            **live(gateway),
            "DATABASE__URL": sqlite(servers, "start"),
            "SERVER__BIND": f"127.0.0.1:{port}",
        }
        env = {**clock.env, **{f"MALIPO__{key}": value for key, value in settings.items()}}
        servers.start("shop", [BINARY, "serve"], port, env)
        shop = Front(f"http://127.0.0.1:{port}")
        first = ready(shop)
        expect(first[0] == 503 and "14 days behind" in first[1], f"its first answer is {first}")
        expect(buy(shop, 714000000)[0] == 503, "it sells by a wrong clock")
        clock.set(RIGHT)
        wait_until(lambda: ready(shop)[0] == 200, "it is not ready", NOTICED_WITHIN_SECS)
        bought(shop, 714000000)


if __name__ == "__main__":
    parts = [
        sandbox_sells_through_all_jumps,
        live_shop_sells_only_by_the_right_time,
        live_shop_asks_for_the_time_at_its_start,
    ]
    run(*parts, *([lost_webhooks_are_found_after_a_jump] if LONG else []))
