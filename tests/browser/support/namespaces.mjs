// A real openNDS or CoovaChilli between two network namespaces: a gateway, and a guest whose Chromium reaches
// the world only through it. It needs root and the packages `iptables` and `iproute2`; Debian 12 has `opennds`,
// and no CoovaChilli: MALIPO_TEST_CHILLI is the program `chilli` of one that was built from its sources.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { endWithTheFile } from './started.mjs';

const script = fileURLToPath(new URL('../../../deploy/opennds/binauth.sh', import.meta.url));
const run = (line, options = {}) => execFileSync('sh', ['-ec', line], { encoding: 'utf8', stdio: 'pipe', ...options });

/** Why programs cannot be run here between namespaces; false if they can. */
export function missing(...programs) {
  if (process.getuid() !== 0) { return 'it needs root'; }
  const has = (name) => ['', '/usr/sbin/', '/usr/bin/', '/sbin/'].some((folder) => existsSync(`${folder}${name}`));
  const lacking = [...programs, 'iptables', 'ip', 'unshare'].filter((name) => !has(name));
  return lacking.length > 0 ? `not installed: ${lacking.join(', ')}` : false;
}

/** The program of a CoovaChilli. */
export const CHILLI = process.env.MALIPO_TEST_CHILLI ?? '/usr/sbin/chilli';

export class Gateway {
  /** Makes the namespaces. */
  constructor() {
    this.folder = mkdtempSync(path.join(tmpdir(), 'malipo-gateway-'));
    const id = `${process.pid}`;
    // Another such test may run beside this one.
    const net = `10.${64 + ((process.pid >> 8) % 64)}.${process.pid % 256}`;
    /** `outside` is this machine for the gateway and its guests, `inside` is the gateway for it. */
    Object.assign(this, { gw: `gw${id}`, guest: `gu${id}`, outside: `${net}.1`, inside: `${net}.2` });
    endWithTheFile(() => this.stop());
    const { gw, guest } = this;
    run(`PATH=$PATH:/usr/sbin:/sbin
      ip netns add ${gw}; ip netns add ${guest}
      ip link add up${id} type veth peer name up0 netns ${gw}
      ip -n ${gw} link add lan0 type veth peer name eth0 netns ${guest}
      ip addr add ${this.outside}/30 dev up${id}; ip link set up${id} up
      for n in ${gw} ${guest}; do ip -n $n link set lo up; done
      ip -n ${gw} addr add ${this.inside}/30 dev up0; ip -n ${gw} link set up0 up
      ip -n ${gw} route add default via ${this.outside}
      ip -n ${gw} link set lan0 up; ip -n ${guest} link set eth0 up
      ip netns exec ${gw} sysctl -qw net.ipv4.ip_forward=1
      ip netns exec ${gw} iptables -t nat -A POSTROUTING -o up0 -j MASQUERADE`);
    this.mac = run(`PATH=$PATH:/usr/sbin:/sbin; ip netns exec ${guest} cat /sys/class/net/eth0/address`).trim();
  }

  /** Starts openNDS at 192.168.77.1:2050. */
  async openNds(key, portalPort) {
    run(`PATH=$PATH:/usr/sbin:/sbin
      ip -n ${this.gw} addr add 192.168.77.1/24 dev lan0
      ip -n ${this.guest} addr add 192.168.77.10/24 dev eth0
      ip -n ${this.guest} route add default via 192.168.77.1`);
    this.write('opennds.conf', `GatewayInterface lan0
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
`);
    this.write('leases', `4102444800 ${this.mac} 192.168.77.10 phone *\n`);
    // What it writes is in folders that only it sees.
    await this.start(`mount -t tmpfs none /run; cp -a /etc /run/etc; mount --bind /run/etc /etc
      cp ${this.folder}/opennds.conf ${script} /etc/opennds/; mkdir -p /run/tmpfiles.d /run/misc
      cp ${this.folder}/leases /run/misc/dnsmasq.leases; mkdir -p /var/lib/misc
      mount --bind /run/misc /var/lib/misc; mount -t tmpfs none /tmp
      exec opennds -f -d 1 -c /etc/opennds/opennds.conf`, 'openNDS is now running');
  }

  /** Starts CoovaChilli at 10.1.0.1:3990, and gives the guest an address by its DHCP. */
  async chilli({ portal, secret, radius, radiusSecret }) {
    this.write('chilli.conf', `net 10.1.0.0/24
uamlisten 10.1.0.1
uamport 3990
dhcpif lan0
uamserver ${portal}/
uamsecret ${secret}
uamallowed ${this.outside}:${new URL(portal).port}
radiusserver1 ${this.outside}
radiusserver2 ${this.outside}
radiusauthport ${radius.ports.auth}
radiusacctport ${radius.ports.acct}
radiussecret ${radiusSecret}
radiusnasid pwani
coaport 3799
`);
    // Its files are named by its number, which is the same in each such namespace.
    const own = `run=$(dirname ${CHILLI})/../var/run; mkdir -p $run ${this.folder}/state
      mount -t tmpfs none $run; mount -t tmpfs none /run`;
    await this.start(`${own}; exec ${CHILLI} -f -d --conf=${this.folder}/chilli.conf \\
      --statedir=${this.folder}/state --pidfile=${this.folder}/chilli.pid`, 'reloaded binary options');
    const lease = this.write('lease', `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/24 dev $interface
ip route replace default via $router
`);
    run(`PATH=$PATH:/usr/sbin:/sbin; chmod +x ${lease}
      ip netns exec ${this.guest} busybox udhcpc -i eth0 -n -q -f -t 20 -T 1 -s ${lease}
      # It answers nobody while it reads its configuration once more.
      for try in $(seq 30); do
        ip netns exec ${this.guest} curl -sfo /dev/null --max-time 2 http://10.1.0.1:3990/prelogin && exit
        sleep 0.2
      done
      exit 1`);
  }

  write(name, text) {
    const file = path.join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** Starts a program in the gateway, with processes and mounts of its own. */
  async start(line, ready) {
    const args = ['netns', 'exec', this.gw, 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec', line];
    this.process = spawn('ip', args, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    this.ended = new Promise((resolve) => this.process.on('close', resolve));
    let output = '';
    await new Promise((resolve, reject) => {
      const read = (data) => { output += data; if (output.includes(ready)) { resolve(); } };
      this.process.stdout.on('data', read);
      this.process.stderr.on('data', read);
      this.ended.then((code) => reject(new Error(`${line} ended with ${code}: ${output}`)));
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
