// The log-in page of a MikroTik alone, which a browser opens without the router between it and the rest: no
// session is kept, so a test can log in again and again, and can set the router's answers.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';

import { SECRET } from './freeradius.mjs';
import { newDevice } from './routeros/device.mjs';
import { Hotspot } from './routeros/hotspot.mjs';
import { RadiusClient } from './routeros/radius.mjs';
import { Web } from './routeros/web.mjs';
import { endWithTheFile } from './started.mjs';

class Forgetful extends Hotspot {
  async admit(host, username, proof, way) {
    const { page } = this;
    if (this.radius) {
      const error = await super.admit(host, username, proof, way);
      this.sessions.clear();
      host.session = null;
      return error;
    }
    // FreeRADIUS reads a code in any spelling, and takes a name without a password for the code.
    const code = username.toUpperCase().replace(/[\s\u2010-\u2014-]/g, '');
    if (page.refusals.has(code)) { return page.refusals.get(code); }
    const known = page.accepted.has(code) ? { name: username, password: proof.password || username } : { name: '' };
    this.device.tables['/ip/hotspot/user'] = [known];
    const error = await super.admit(host, username, proof.response ? proof : { password: proof.password || username }, way);
    this.sessions.clear();
    host.session = null;
    return error;
  }
}

export class LoginPage {
  /** `chap`: log-ins by a challenge. `pap`: log-ins by a plain password. */
  static async start({ chap = false, pap = !chap } = {}) {
    const page = new LoginPage();
    const device = newDevice();
    page.hotspot = new Forgetful(device);
    Object.assign(page.hotspot.profile, {
      'login-by': [chap && 'http-chap', pap && 'http-pap'].filter(Boolean).join(','), 'use-radius': 'yes', 'radius-accounting': 'no',
    });
    device.tables['/ip/hotspot/user/profile'][0]['shared-users'] = 'unlimited';
    page.hotspot.page = page;
    const web = new Web(page.hotspot, {});
    Object.assign(page, { chap, mac: 'AA:BB:CC:00:11:22', accepted: new Set(), refusals: new Map() });
    /** The log-ins as they came. */
    page.logins = [];
    const guest = { mac: page.mac, ip: '10.5.50.9', session: null, opened: 'http://news.test/' };
    web.welcome = () => '<h1>logged in</h1>';
    page.server = createServer((request, response) => web.own(request, response, guest, new URL(request.url, page.base)));
    await new Promise((resolve) => page.server.listen(0, '127.0.0.1', resolve));
    page.host = `127.0.0.1:${page.server.address().port}`;
    page.base = `http://${page.host}`;
    Object.defineProperty(web, 'host', { value: page.host });
    const { login } = page.hotspot;
    page.hotspot.login = (host, username, password, dst) => {
      page.logins.push({ username, password, dst });
      return login.call(page.hotspot, host, username, password);
    };
    endWithTheFile(() => page.stop());
    return page;
  }

  /** Installs the shipped file, with this address of the portal. */
  async installFile(portal) {
    const file = new URL('../../../deploy/mikrotik/login.html', import.meta.url);
    const contents = (await readFile(file, 'utf8')).replace('https://portal.example/', `${portal}/`);
    this.hotspot.device.tables['/file'].find(({ name }) => name === 'hotspot/login.html').contents = contents;
  }

  /** Has a real FreeRADIUS decide. */
  async ask({ ports }) {
    this.hotspot.radius = await RadiusClient.open({ source: '127.0.0.1', ports, secret: SECRET, signs: true });
  }

  stop() {
    this.hotspot.radius?.close();
    this.hotspot.radius = null;
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
