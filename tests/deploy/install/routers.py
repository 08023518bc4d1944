"""Adds routers with the commands of docs/routers.md. What malipo prints for a router is pasted into RouterOS
(terminal.mjs), and the router that comes of it logs a guest in."""

import json
import os
import pathlib
import re
import socket

from blocks import blocks
from inside import PROJECT, Sales, account, expect, log_in, must, paste, run, wait_until

PAGE = "docs/routers.md"
VERSIONS = ["6.49.17", "7.16.2"]
NEWEST = VERSIONS[-1]
# The router of the page, which is this machine.
ROUTER = "10.0.0.1"
# Another one, which it does not know.
STRANGER = "127.0.0.9"
# What malipo prints for a router, to its last line; a tunnel comes before the rest.
SCRIPT = re.compile(r"^(?:# Router |/interface wireguard ).*^}$", re.M | re.S)

# What a router that must sign says if it cannot.
UNSIGNED = "FreeRADIUS will not answer this router"
# The routers, by version.
devices = {}


def walk():
    """Every command, in the order of the page."""
    text = (PROJECT / PAGE).read_text()
    for block in blocks(PROJECT / PAGE, {"sh", "routeros"}):
        place = f"{PAGE}:{block.line}"
        if block.language == "routeros":
            in_routeros(block.text, place)
            continue
        script = SCRIPT.search(paste(place, block.text))
        if script:
            in_routeros(script[0], f"the script of {place}")
        if block.heading.startswith("4."):
            a_guest_logs_in()
    commands_within_sentences(text)
    texts_of_guests(text)


def begin():
    """The machine has the name that both pages give it. Nothing answers there by HTTPS, of which `malipo check`
    only warns."""
    with open("/etc/hosts", "a") as hosts:
        hosts.write(f"{ROUTER} wifi.example\n")
    must("ip", "address", "add", f"{ROUTER}/32", "dev", "lo")


def in_routeros(text, place):
    """Pastes a text into a router of each version; only the newest knows WireGuard and device-mode, and signs."""
    text = text.replace("THE-SERVERS-IPV6-ADDRESS", "fd00::5")
    for version in [NEWEST] if re.search("wireguard|device-mode", text) else VERSIONS:
        request = {"device": devices.get(version), "version": version, "text": text}
        terminal = pathlib.Path(__file__).with_name("terminal.mjs")
        answer = run(os.environ["NODE"], str(terminal), input=json.dumps(request))
        if UNSIGNED in text and version != NEWEST:
            expect(answer.returncode != 0 and UNSIGNED in answer.stdout, f"{place}: RouterOS {version}: {answer.stdout}")
            continue
        expect(answer.returncode == 0, f"{place}: RouterOS {version} refuses it: {answer.stdout}")
        answer = json.loads(answer.stdout)
        devices[version] = answer["device"]
        if "# Router" in text:
            done = "malipo: done. portal.login_hosts must have login.wifi.example"
            expect(answer["output"][-1] == done, f"{place}: RouterOS {version} prints {answer['output']}")


def a_guest_logs_in():
    """The router asks with the secret that it has from the script."""
    tables = devices[NEWEST]["tables"]
    expect(len(tables["/radius"]) == 1, f"the router asks {tables['/radius']}")
    radius = tables["/radius"][0]
    pages = {file["name"]: file.get("contents", "") for file in tables["/file"]}
    expect('action="https://wifi.example/"' in pages["hotspot/login.html"], "the log-in page leads nowhere")
    code = Sales(712_700_000).sell()
    router = radius["address"], radius["secret"]
    log_in(code, *router)
    account(code, "Start", 0, *router)
    # The last lines of the check name the router, because it has just reported a session.
    check = must("malipoctl", "check", "--quick")
    for line in [r"accounting", r"login_hosts +login\.wifi\.example"]:
        expect(re.search(rf"^ok +{line}", check, re.M), f"malipo check: {check}")


def commands_within_sentences(text):
    """What the page tells an owner to type when something does not work."""
    a_stranger_asks()
    text = text.replace("\\|", "|")
    spans = dict.fromkeys(re.findall(r"`((?:malipoctl |systemctl status |grep |/[a-z])[^`]*)`", text))
    commands = [span for span in spans if not re.match(r"/(etc|var)/|/radius add$|/system identity$", span)]
    expect(len(commands) > 8, f"only {commands}")
    for command in commands:
        if command.startswith("/"):
            in_routeros(f"{command}\n", f"{PAGE}, {command}")
            continue
        printed = paste(f"{PAGE}, {command}", command + "\n")
        if "unknown client" in command:
            expect(f"unknown client {STRANGER} " in printed, f"{PAGE}: {command} prints {printed}")


def a_stranger_asks():
    """A router whose address malipo does not know."""
    log = pathlib.Path("/var/log/freeradius/radius.log")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind((STRANGER, 0))

        # Again and again, because FreeRADIUS may have been started a moment ago.
        def is_noted():
            # An Access-Request without attributes.
            router.sendto(bytes([1, 0, 0, 20]) + bytes(16), ("127.0.0.1", 1812))
            return f"unknown client {STRANGER} " in log.read_text()

        wait_until(is_noted, "FreeRADIUS notes no stranger")


def texts_of_guests(text):
    """What a guest sees, as the page quotes it, is what the portal and the log-in page say."""
    said = (PROJECT / "src/web/text/sw.toml").read_text() + (PROJECT / "deploy/mikrotik/login.html").read_text()
    quoted = re.findall(r"(?:^\| \"|\*\*)([^\"*]+)", text, re.M)
    words = [quote for quote in quoted if re.match(r"(Wi-Fi ha|Simu |Muda |Nunua|Unganisha)", quote)]
    expect(len(words) >= 6, f"the page quotes only {words}")
    for quote in words:
        expect(quote in said, f"{PAGE} quotes {quote!r}, and no page says it")
