"""The doctor: `malipo check` passes behind a right nginx and finds each of six planted mistakes."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from client import sql
from servers import BINARY, POSTGRES, Servers, expect, free_port, run

NGINX = """
daemon off; pid nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{to};
            proxy_bind {address};
            proxy_http_version 1.1;
            proxy_read_timeout {timeout}s;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


def nginx(servers, name, to, timeout=75, address="127.0.0.2"):
    """Starts an nginx in front of a port; returns its own URL."""
    port = free_port()
    home = servers.folder / name
    home.mkdir()
    (home / "nginx.conf").write_text(
        NGINX.format(port=port, to=to, timeout=timeout, address=address)
    )
    servers.start(name, ["nginx", "-p", str(home), "-c", "nginx.conf"], port)
    return f"http://127.0.0.1:{port}"


def check(settings, *arguments):
    """The exit code and the rows of `malipo check --json`, by their names."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MALIPO")}
    ours = {key if key.startswith("MALIPO") else f"MALIPO__{key}": value for key, value in settings.items()}
    done = subprocess.run(
        [BINARY, "check", "--json", *arguments],
        env={**inherited, **ours},
        cwd="/tmp",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    expect(done.stdout.startswith("["), f"no JSON: {done.stdout}{done.stderr}")
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}


def six_mistakes():
    """malipo check passes behind a right nginx and finds each of six planted mistakes."""
    with Servers("doctor") as servers:
        port = free_port()
        url = servers.postgres("doctor")
        servers.malipo("shop", url, port, SERVER__TRUSTED_PROXIES="127.0.0.2")
        other = servers.malipo("other", servers.postgres("doctor_other"))
        good = nginx(servers, "good", port)
        hasty = nginx(servers, "hasty", port, timeout=30)
        stranger = nginx(servers, "stranger", port, address="127.0.0.3")
        right = {
            "DATABASE__URL": url,
            "SERVER__BIND": f"127.0.0.1:{port}",
            "SERVER__TRUSTED_PROXIES": "127.0.0.2",
            "SERVER__PUBLIC_URL": good,
        }
        read_only = servers.postgres("doctor_read_only")
        sql(
            f"{POSTGRES}/postgres",
            "ALTER DATABASE doctor_read_only SET default_transaction_read_only = on",
        )
        mistakes = [
            ("poll", "after 30 s", {"SERVER__PUBLIC_URL": hasty}),
            ("forwarded_for", "127.0.0.3", {"SERVER__PUBLIC_URL": stranger}),
            ("public_url", "another server", {"SERVER__PUBLIC_URL": f"http://127.0.0.1:{other.port}"}),
            ("webhook", "refuses", {"ZENOPAY__API_KEY": "sandbox-kye"}),
            ("database", "read-only", {"DATABASE__URL": read_only}),
            ("config", "MALIPO__ZENOPAY__API_KEY", {"MALIPO_ZENOPAY_API_KEY": "sandbox-key"}),
        ]

        def plant(mistake):
            name, _, settings = mistake
            quick = [] if name == "poll" else ["--quick"]
            return check({**right, **settings}, *quick)

        with ThreadPoolExecutor() as pool:
            passes = pool.submit(check, right)
            found = list(pool.map(plant, mistakes))
            code, rows = passes.result()

        failed = [row for row in rows.values() if row["status"] == "failed"]
        expect(code == 0 and not failed, f"the right configuration fails: {failed}")
        expect("55 s" in rows["poll"]["detail"], f"no poll was held: {rows['poll']}")
        for (name, words, _), (code, rows) in zip(mistakes, found):
            row = rows.get(name, {"status": "missing"})
            expect(row["status"] == "failed", f"{name} is not found: {row}")
            text = row["detail"] + row["hint"]
            expect(words in text, f"{name}: {row}")
            expect(code == (2 if name == "config" else 1), f"{name} exits {code}")
            print(f"FAIL  {name:15} {row['detail']}. {row['hint']}")


if __name__ == "__main__":
    run(six_mistakes)
