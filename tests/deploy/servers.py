"""Programs that a check starts, in a folder of their own on free ports. They end with the check:

    with Servers("clocks") as servers:
        malipo = servers.malipo("shop", servers.postgres("clocks"), ZENOPAY__CONFIRM="always")
        malipo.ask("GET", "/health/ready")

MALIPO_TEST_BINARY is the built binary and MALIPO_TEST_POSTGRES the URL of a PostgreSQL.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from client import Front, sql

BINARY = os.environ["MALIPO_TEST_BINARY"]
POSTGRES = os.environ["MALIPO_TEST_POSTGRES"]
LONG = "--long" in sys.argv[1:]
OPERATOR_TOKEN = "front-door-operator-token"
START_WITHIN_SECS = 60


class Fault(Exception):
    """A promise that does not hold, in a sentence."""


def expect(is_so, sentence):
    if not is_so:
        raise Fault(sentence)


def wait_until(holds, sentence, secs=START_WITHIN_SECS):
    """Waits for a condition; a missed one is the fault `sentence`."""
    deadline = time.monotonic() + secs
    while not holds():
        expect(time.monotonic() < deadline, sentence)
        time.sleep(0.05)


def free_port():
    """A port of 127.0.0.1 that is free now. If another process takes it first, the start fails."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Program:
    """A process with its log."""

    def __init__(self, name, process, log):
        self.name, self.process, self.log_path = name, process, log

    def log(self):
        return self.log_path.read_text(errors="replace")

    def listens(self, port):
        """Whether the port accepts connections. A process that has ended is a fault."""
        expect(self.process.poll() is None, f"{self.name} ended: {self.log()[-2000:]}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and waits for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Malipo(Program, Front):
    """A server that is ready."""

    def __init__(self, program, port, database):
        Program.__init__(self, program.name, program.process, program.log_path)
        Front.__init__(self, f"http://127.0.0.1:{port}")
        self.database = database

    def metric(self, name):
        """The value of a metric without labels; None if there is none."""
        _, _, text = self.ask("GET", "/metrics")
        for line in text.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])


class Servers:
    """The programs of one check, and its folder."""

    def __init__(self, name):
        self.name, self.programs = name, []

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"malipo-{self.name}.", dir="/tmp"))
        # The workers of nginx are another user when the check runs as root.
        self.folder.chmod(0o755)
        # Without this a signal would end this process before the programs are stopped.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, command, port=None, env=None):
        """Starts a program in a folder of its own name, and waits until it listens on `port`."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        log = home / "output"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )
        program = Program(name, process, log)
        self.programs.append(program)
        if port is not None:
            wait_until(lambda: program.listens(port), f"{name} does not listen: {log}")
        return program

    def postgres(self, name, options=""):
        """Creates an empty database of this name. Returns its URL."""
        sql(f"{POSTGRES}/postgres", f"CREATE DATABASE {name} {options}")
        return f"{POSTGRES}/{name}"

    def malipo(self, name, database, port=None, prefix=(), env=(), **settings):
        """Starts a server and waits until it is ready. Settings are as SERVER__TIMEZONE="UTC"; `prefix`
        are words before the command, and `env` variables of other programs. Simulated guests do not
        pay unless a setting says so."""
        port = port or free_port()
        settings = {
            "DATABASE__URL": database,
            "SERVER__BIND": f"127.0.0.1:{port}",
            "OPERATOR__TOKEN": OPERATOR_TOKEN,
            "SANDBOX__APPROVE_AFTER_MS": "0",
            **settings,
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("MALIPO__")}
        ours = {f"MALIPO__{key}": value for key, value in settings.items()}
        command = [*prefix, BINARY, "serve"]
        program = self.start(name, command, port, {**inherited, **ours, **dict(env)})
        server = Malipo(program, port, database)
        is_ready = lambda: server.ask("GET", "/health/ready")[0] == 200
        wait_until(is_ready, f"{name} is not ready")
        return server


def run(*parts):
    """Runs functions without arguments, one after the other, and prints how long each took. Ends with 1
    after the first fault."""
    for part in parts:
        began = time.monotonic()
        sentence = part.__doc__.split(".")[0]
        try:
            part()
        except Fault as fault:
            print(f"BROKEN: {sentence}: {fault}", flush=True)
            raise SystemExit(1) from None
        print(f"{sentence} ({time.monotonic() - began:.0f} s)", flush=True)
