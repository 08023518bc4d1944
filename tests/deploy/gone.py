"""One of several processes is gone, and guests behind the shipped nginx configuration do not notice:

    gone.py FRONT_URL DATABASE_URL PORT:PID...

Kills the process that holds the most polls. Another process answers these polls. Then the port neither
accepts nor refuses connections, as if the machine were gone, and guests can still buy and pay.
"""

import os
import re
import signal
import socket
import sys
import threading
import time

from client import PORTAL, WEBHOOK_WITHIN_SECS, Front, Tally, report

ORDERS = 24
# Longer than the 5 s after which an earlier configuration tried no other process.
HELD_BEFORE_SECS = 6


def waiters(port):
    """The number of polls that a process holds."""
    _, _, metrics = Front(f"http://127.0.0.1:{port}").ask("GET", "/metrics")
    found = re.search(rb"^malipo_status_waiters (\d+)", metrics, re.M)
    return int(found[1]) if found else 0


def hold(front, order, tally):
    path = f"{PORTAL}/payment/status/{order['id']}?since={order['version']}&wait=50"
    answer = tally.add(front.ask("GET", path))
    if b'"payment_status":"COMPLETED"' not in answer[2]:
        tally.add((f"without the sale: {answer[2][:80]!r}", 0, b""))


def kill(pid):
    """Kills a process and waits until its connections are closed. (A webhook in progress would get 502
    and be sent again; this is not tested here.)"""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not has_ended(pid):
        if time.monotonic() > deadline:
            raise SystemExit("the process does not end")
        time.sleep(0.01)


def has_ended(pid):
    """Whether the last thread has ended. The main thread may end before it, with connections open."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state = file.read().rpartition(")")[2].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except FileNotFoundError:
        return True


def fill(port):
    """Listens on the dead process's port with a full backlog, so that a connection to it hangs."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(0)
    queue = []
    for _ in range(100):
        caller = socket.socket()
        caller.settimeout(0.2)
        queue.append(caller)
        try:
            caller.connect(("127.0.0.1", port))
        except TimeoutError:
            return listener, queue
    raise SystemExit("the backlog does not fill")


def visit(front, order, webhooks, pages):
    """Pays the order and opens its page and the shop."""
    webhooks.add(front.webhook(order))
    pages.add(front.ask("GET", f"/order/{order['id']}"))
    pages.add(front.ask("GET", "/"))


def main(front_url, database, *processes):
    front = Front(front_url)
    pids = dict(map(int, process.split(":")) for process in processes)
    orders = front.buy(database, ORDERS, 716000000)

    polls = Tally("polls of a killed process and of the others")
    threads = [threading.Thread(target=hold, args=[front, order, polls]) for order in orders]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while sum(map(waiters, pids)) < ORDERS:
        if time.monotonic() > deadline:
            raise SystemExit("not all polls are held")
        time.sleep(0.05)
    time.sleep(HELD_BEFORE_SECS)
    victim = max(pids, key=waiters)
    print(f"        killed with {waiters(victim)} of {ORDERS} polls")
    kill(pids[victim])

    webhooks, pages = Tally("webhooks without a process"), Tally("pages without a process")
    for order in orders:
        visit(front, order, webhooks, pages)
    for thread in threads:
        thread.join()

    far_webhooks, far_pages = Tally("webhooks without a machine"), Tally("pages without a machine")
    held_port = fill(victim)
    for order in front.buy(database, ORDERS, 717000000):
        visit(front, order, far_webhooks, far_pages)
    del held_port

    tallies = [polls, webhooks, pages, far_webhooks, far_pages]
    broken = [line for tally in (polls, pages, far_pages) for line in tally.broken_promises({200})]
    for tally in (webhooks, far_webhooks):
        broken += tally.broken_promises({200}, WEBHOOK_WITHIN_SECS)
    report(tallies, broken)


if __name__ == "__main__":
    main(*sys.argv[1:])
