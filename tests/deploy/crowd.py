"""A crowd at the shop for a minute, through nginx as it is shipped:

    crowd.py FRONT_URL DATABASE_URL

100 order pages and 100 status polls are held as long as the server holds them, guests pay, another
database session has locked one order's row, and a stranger sends unproven webhooks without pause and
asks for more event streams than an order may have.
A slow or busy answer must cost only the request that it belongs to: no 502, no 504, every webhook
answered within 5 s, and the shop's page always there.

The three processes need sandbox.approve_after_ms = 0, so that orders stay open.
"""

import multiprocessing
import subprocess
import sys
import threading
import time

from client import GATEWAY_KEY, PORTAL, WEBHOOK, WEBHOOK_WITHIN_SECS, Front, Tally, exchange, report

SECS = 60
HELD = 100
# Less than this and the holds did not outlast a proxy's limit: nginx's own default is 60 s, the
# first edition's was 30 s.
HOLD_AT_LEAST_SECS = 40
STRANGERS = 3


def hold(front, order, tally, end, path, wait_most):
    """Asks for news of an order again and again. None comes, so each answer is held."""
    while (left := end - time.monotonic()) > 1:
        wait = min(wait_most, int(left))
        tally.add(front.ask("GET", f"{path}?since={order['version']}&wait={wait}"))


def repeat(end, pause, act):
    while time.monotonic() < end:
        act()
        time.sleep(pause)


def pay(front, orders, tally, end):
    """Guests who pay one after another: by the order's own URL, and by the gateway's key."""
    pause = (end - time.monotonic()) / len(orders)
    for number, order in enumerate(orders):
        if number % 2:
            tally.add(front.webhook(order))
        else:
            document = {"order_id": order["id"], "payment_status": "COMPLETED"}
            tally.add(front.ask("POST", WEBHOOK, document, {"x-api-key": GATEWAY_KEY}))
        time.sleep(pause)


def lock_row(database, order):
    """A database session of its own, which keeps the order's row locked until it is told."""
    session = subprocess.Popen(
        ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    session.stdin.write(
        f"BEGIN; SELECT 'locked' FROM payments WHERE order_id = '{order['id']}' FOR UPDATE;\n"
    )
    session.stdin.flush()
    if session.stdout.readline().strip() != "locked":
        raise SystemExit("the row could not be locked")
    return session


def unlock(session):
    session.stdin.write("COMMIT;\n")
    session.stdin.close()
    session.wait()


def watch_too_often(front, order, tally, end):
    """Takes all places of one order at each process with event streams, and asks for more: each
    further one is answered 503 by every process in turn."""
    streams = []
    while time.monotonic() < end:
        connection = front.connect()
        connection.request("GET", f"{PORTAL}/payment/status/{order['id']}/events")
        answer = connection.getresponse()
        tally.add((answer.status, 0, b""))
        if answer.status == 200:
            # The first event comes at once: nginx keeps nothing back in a buffer.
            answer.readline()
            streams.append((connection, answer))
        else:
            connection.close()
            time.sleep(0.05)


def stranger(front, orders, end, told):
    """Knows the ids of unpaid orders of their own, and no secret. A process, so that its load
    does not slow down the clocks of the others."""
    tally, streams = Tally(""), Tally("")

    def knock(order):
        connection = front.connect()
        document = {"order_id": order["id"], "payment_status": "COMPLETED"}
        while time.monotonic() < end:
            tally.add(exchange(connection, "POST", WEBHOOK, document))

    threads = [threading.Thread(target=knock, args=[order]) for order in orders]
    threads.append(threading.Thread(target=watch_too_often, args=[front, orders[0], streams, end]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put([(each.statuses, each.slowest) for each in (tally, streams)])


def crowd(front, database):
    watched = front.buy(database, HELD, 712000000)
    sold = front.buy(database, 120, 713000000)
    [locked] = front.buy(database, 1, 714000000)
    strangers = front.buy(database, STRANGERS, 715000000)
    session = lock_row(database, locked)

    pages, polls = Tally("order pages"), Tally("status polls")
    paid, slow, shop = Tally("webhooks"), Tally("webhooks about a locked row"), Tally("shop pages")
    end = time.monotonic() + SECS
    told = multiprocessing.Queue()
    knocking = multiprocessing.Process(target=stranger, args=[front, strangers, end, told])
    knocking.start()

    jobs = []
    for order in watched:
        page, poll = f"/order/{order['id']}", f"{PORTAL}/payment/status/{order['id']}"
        jobs.append((hold, front, order, pages, end, page, 50))
        jobs.append((hold, front, order, polls, end, poll, 55))
    jobs.append((pay, front, sold, paid, end))
    jobs.append((repeat, end - WEBHOOK_WITHIN_SECS, 3, lambda: slow.add(front.webhook(locked))))
    jobs.append((repeat, end, 0.3, lambda: shop.add(front.ask("GET", "/"))))
    threads = [threading.Thread(target=act, args=args) for act, *args in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    knocks, streams = Tally("a stranger's webhooks"), Tally("a stranger's event streams")
    for tally, (statuses, slowest) in zip((knocks, streams), told.get()):
        tally.statuses, tally.slowest = statuses, slowest
    knocking.join()

    unlock(session)
    late = Tally("the webhook after the lock")
    late.add(front.webhook(locked))
    return pages, polls, paid, slow, shop, knocks, streams, late


def main(front_url, database):
    tallies = crowd(Front(front_url), database)
    pages, polls, paid, slow, shop, knocks, streams, late = tallies
    broken = [
        *pages.broken_promises({200}),
        *polls.broken_promises({200}),
        *paid.broken_promises({200}, WEBHOOK_WITHIN_SECS),
        # 503 says that another copy may succeed.
        *slow.broken_promises({200, 503}, WEBHOOK_WITHIN_SECS),
        *shop.broken_promises({200}),
        *knocks.broken_promises({401}, WEBHOOK_WITHIN_SECS),
        *streams.broken_promises({200, 503}),
        *late.broken_promises({200}, WEBHOOK_WITHIN_SECS),
    ]
    if 503 not in streams.statuses:
        broken.append(f"{streams.name}: none was refused, so nothing was tried")
    for held in (pages, polls):
        if held.slowest < HOLD_AT_LEAST_SECS:
            broken.append(f"{held.name}: none was held for {HOLD_AT_LEAST_SECS} s")
    report(tallies, broken)


if __name__ == "__main__":
    main(*sys.argv[1:])
