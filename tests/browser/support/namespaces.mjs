// Debian's real openNDS between two network namespaces: a gateway, and a guest whose Chromium reaches the
// world only through it. It needs root, and the packages `opennds`, `iptables` and `iproute2`.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { endWithTheFile } from './started.mjs';

const script = fileURLToPath(new URL('../../../deploy/opennds/binauth.sh', import.meta.url));
const run = (line, options = {}) => execFileSync('sh', ['-ec', line], { encoding: 'utf8', stdio: 'pipe', ...options });

/** Why it cannot be run here; empty if it can. */
export function missing() {
  if (process.getuid() !== 0) { return 'it needs root'; }
  const has = (name) => ['/usr/sbin', '/usr/bin', '/sbin'].some((folder) => existsSync(`${folder}/${name}`));
  const lacking = ['opennds', 'iptables', 'ip', 'unshare'].filter((name) => !has(name));
  return lacking.length > 0 ? `not installed: ${lacking.join(', ')}` : '';
}

export class Gateway {
  /** The address of this machine for the gateway and its guests. */
  outside = '10.99.77.1';
  host = '192.168.77.1:2050';

  /** Makes the namespaces. */
  constructor() {
    this.folder = mkdtempSync(path.join(tmpdir(), 'malipo-gateway-'));
    const id = `${process.pid}`;
    Object.assign(this, { gw: `gw${id}`, guest: `gu${id}` });
    endWithTheFile(() => this.stop());
    const { gw, guest } = this;
    run(`PATH=$PATH:/usr/sbin:/sbin
      ip netns add ${gw}; ip netns add ${guest}
      ip link add up${id} type veth peer name up0 netns ${gw}
      ip -n ${gw} link add lan0 type veth peer name eth0 netns ${guest}
      ip addr add ${this.outside}/30 dev up${id}; ip link set up${id} up
      for n in ${gw} ${guest}; do ip -n $n link set lo up; done
      ip -n ${gw} addr add 10.99.77.2/30 dev up0; ip -n ${gw} link set up0 up
      ip -n ${gw} route add default via ${this.outside}
      ip -n ${gw} addr add 192.168.77.1/24 dev lan0; ip -n ${gw} link set lan0 up
      ip -n ${guest} addr add 192.168.77.10/24 dev eth0; ip -n ${guest} link set eth0 up
      ip -n ${guest} route add default via 192.168.77.1
      ip netns exec ${gw} sysctl -qw net.ipv4.ip_forward=1
      ip netns exec ${gw} iptables -t nat -A POSTROUTING -o up0 -j MASQUERADE`);
    this.mac = run(`PATH=$PATH:/usr/sbin:/sbin; ip netns exec ${guest} cat /sys/class/net/eth0/address`).trim();
  }

  /** Starts openNDS, with what it writes in folders that only it sees. */
  async openNds(key, portalPort) {
    const files = {
      'opennds.conf': `GatewayInterface lan0
GatewayName Pwani
GatewayFQDN disable
fasport ${portalPort}
faspath /
fasremoteip ${this.outside}
faskey ${key}
fas_secure_enabled 1
binauth /etc/opennds/binauth.sh
FirewallRuleSet authenticated-users {
    FirewallRule allow all
}
`,
      leases: `4102444800 ${this.mac} 192.168.77.10 phone *\n`,
    };
    for (const [name, text] of Object.entries(files)) { writeFileSync(path.join(this.folder, name), text); }
    const own = `mount -t tmpfs none /run; cp -a /etc /run/etc; mount --bind /run/etc /etc
      cp ${this.folder}/opennds.conf ${script} /etc/opennds/; mkdir -p /run/tmpfiles.d /run/misc
      cp ${this.folder}/leases /run/misc/dnsmasq.leases; mkdir -p /var/lib/misc
      mount --bind /run/misc /var/lib/misc; mount -t tmpfs none /tmp
      exec opennds -f -d 1 -c /etc/opennds/opennds.conf`;
    const args = ['netns', 'exec', this.gw, 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec', own];
    this.process = spawn('ip', args, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    this.ended = new Promise((resolve) => this.process.on('close', resolve));
    let output = '';
    await new Promise((resolve, reject) => {
      const read = (data) => { output += data; if (output.includes('openNDS is now running')) { resolve(); } };
      this.process.stdout.on('data', read);
      this.process.stderr.on('data', read);
      this.ended.then((code) => reject(new Error(`opennds ended with ${code}: ${output}`)));
    });
  }

  /** Chromium in the guest's namespace. */
  async browser() {
    const wrapper = path.join(this.folder, 'chromium');
    const real = process.env.CHROMIUM ?? '/usr/bin/chromium';
    writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${this.guest} ${real} "$@"\n`, { mode: 0o755 });
    const browser = await chromium.launch({
      executablePath: wrapper,
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
    endWithTheFile(() => browser.close());
    return browser;
  }

  async stop() {
    if (this.process) { this.process.kill('SIGKILL'); await this.ended; }
    run(`PATH=$PATH:/usr/sbin:/sbin; ip netns del ${this.guest} || true; ip netns del ${this.gw} || true`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
