// An openNDS 9.10 as far as its guests can tell, by its src/http_microhttpd.c: it sends a guest to the portal
// (FAS, level 1), and believes the portal's token. It runs the shipped BinAuth script.

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { endWithTheFile } from './started.mjs';

const script = fileURLToPath(new URL('../../../deploy/opennds/binauth.sh', import.meta.url));
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

export class OpenNds {
  static async start({ key }) {
    const nds = new OpenNds();
    Object.assign(nds, { key, portal: null, mac: 'aa:bb:cc:00:11:22', claims: null });
    nds.folder = mkdtempSync(path.join(tmpdir(), 'malipo-opennds-'));
    nds.conf = path.join(nds.folder, 'opennds.conf');
    writeFileSync(nds.conf, `GatewayName Pwani\nfaskey ${key}\n`);
    nds.uptime(1000);
    nds.forget();
    nds.server = createServer((request, response) => nds.serve(request, response));
    await new Promise((resolve) => nds.server.listen(0, '127.0.0.1', resolve));
    nds.host = `127.0.0.1:${nds.server.address().port}`;
    nds.base = `http://${nds.host}`;
    endWithTheFile(() => nds.stop());
    return nds;
  }

  /** The guest's session ends, or another device comes: `mac`. `claims` is the device that its browser
   * names to the portal, if that is another one. */
  forget({ mac = this.mac, claims = null } = {}) {
    Object.assign(this, { mac, claims, limits: null, token: randomBytes(4).toString('hex') });
    this.hid = sha256(this.token);
    /** How the BinAuth script has ended. */
    this.verdicts = [];
  }

  /** Seconds since the router started; its own clock is nowhere asked for. */
  uptime(secs) {
    writeFileSync(path.join(this.folder, 'uptime'), `${secs}.25 1.00\n`);
  }

  serve(request, response) {
    const url = new URL(request.url, this.base);
    const query = url.searchParams;
    const to = (location) => { response.writeHead(307, { location }); response.end(); };
    if (url.pathname !== '/opennds_auth/') { to(this.splash('http://news.test/')); return; }
    if (this.limits) { to(`${this.portal}/${url.search}&status=authenticated`); return; }
    const redir = query.get('redir');
    /** The log-in that the portal has signed last. */
    this.signed = `${this.base}${request.url}`;
    if (query.get('tok') !== sha256(this.hid + this.key) || !this.binAuth(request, redir, query.get('custom'))) {
      to(this.splash(redir));
      return;
    }
    to(redir);
  }

  binAuth(request, redir, custom) {
    const args = ['auth_client', this.mac, encodeURIComponent(redir), encodeURIComponent(request.headers['user-agent']),
      '192.168.1.9', this.token, custom];
    try {
      const file = (name) => path.join(this.folder, name);
      const env = {
        PATH: process.env.PATH, OPENNDS_CONF: this.conf, BINAUTH_UPTIME: file('uptime'), BINAUTH_STATE: file('state'),
      };
      const said = execFileSync('sh', [script, ...args], { env, encoding: 'utf8' });
      this.limits = said.trim().split(' ').map(Number);
      this.verdicts.push('accepted');
      return true;
    } catch {
      this.verdicts.push('refused');
      return false;
    }
  }

  splash(originurl) {
    const values = {
      hid: this.hid, clientip: '192.168.1.9', clientmac: this.claims ?? this.mac, client_type: 'cpd_can',
      gatewayname: encodeURIComponent('Pwani Node:001122334455 '), gatewayurl: '', version: '9.10.0',
      gatewayaddress: this.host, gatewaymac: '001122334455', originurl: encodeURIComponent(originurl), clientif: 'lan0',
    };
    const text = Object.entries(values).map(([name, value]) => `${name}=${value}`).join(', ');
    return `${this.portal}/?fas=${Buffer.from(text).toString('base64')}`;
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
