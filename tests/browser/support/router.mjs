// A MikroTik router with a hotspot, set up by the script that `malipo` prints: RouterOS as far as guests,
// FreeRADIUS and the owner can tell. It asks a real FreeRADIUS; guests reach everything through it.

import assert from 'node:assert/strict';

import { guest } from './browser.mjs';
import { freePort } from './freeradius.mjs';
import { newDevice } from './routeros/device.mjs';
import { Hotspot } from './routeros/hotspot.mjs';
import { RadiusClient, listen } from './routeros/radius.mjs';
import { RouterError } from './routeros/syntax.mjs';
import { Terminal } from './routeros/terminal.mjs';
import { Web } from './routeros/web.mjs';
import { endWithTheFile } from './started.mjs';

let devices = 0;

export class Router {
  /** A router with a hotspot that nobody has set up for `malipo`. `source`: the address from which FreeRADIUS sees
   * it; `names`: the network outside, see `Web`; `radius`: the FreeRADIUS that every address leads to. The rest is
   * for `newDevice` and `Hotspot`. */
  static async start({ source = '127.0.0.2', names, radius, nasAddress, ...rest }) {
    const router = new Router();
    const device = newDevice(rest);
    Object.assign(router, { device, source, freeRadius: radius, hotspot: new Hotspot(device, { nasAddress }) });
    router.web = new Web(router.hotspot, names);
    router.terminal = new Terminal(device);
    device.resolve = (name) => (name in names ? '127.0.0.1' : null);
    device.fetch = async (url) => {
      const { host, pathname } = new URL(url);
      const answer = await fetch((names[host] ?? 'http://127.0.0.1:1') + pathname).catch((error) => {
        throw new RouterError(`failure: ${error.message}`);
      });
      if (!answer.ok) { throw new RouterError(`failure: ${answer.status}`); }
      return answer.text();
    };
    endWithTheFile(() => router.stop());
    return router;
  }

  /** Adds the router to `malipo`, and pastes the script that this prints. */
  static async install(server, { name = 'bar', signs = false, ...options }) {
    const router = await Router.start(options);
    const port = await freePort();
    const more = signs ? ['--require-message-auth'] : [];
    await router.paste(await server.command('nas', 'add', router.source, '--name', name, '--coa-port', port, ...more));
    return router;
  }

  /** Pastes a text into the terminal; the router works as it is configured from then on. */
  async paste(text) {
    const printed = await this.terminal.paste(text);
    await this.restart();
    return printed;
  }

  /** Opens the sockets that the configuration asks for, and reports the start to FreeRADIUS. */
  async restart() {
    this.hotspot.radius?.close();
    this.incoming?.close();
    [this.hotspot.radius, this.incoming] = [null, null];
    const { tables } = this.device;
    const radius = tables['/radius'].find(({ service }) => service.split(',').includes('hotspot'));
    if (!radius) { return; }
    const { source } = this;
    // RouterOS 7.15 and later sign by default.
    const signs = this.terminal.menus.has('7.15') && radius['require-message-auth'] !== 'no';
    this.hotspot.radius = await RadiusClient.open({ source, ports: this.freeRadius.ports, secret: radius.secret, signs });
    const { accept, port } = tables['/radius/incoming'];
    if (accept === 'yes') {
      const end = (values) => this.hotspot.disconnected(values);
      this.incoming = await listen({ source, port: Number(port), secret: radius.secret, end });
    }
    await this.hotspot.boot();
  }

  /** A phone that has joined the Wi-Fi: a page of a browser of its own, whose `device` is the phone. */
  async join(browser, server, options = {}) {
    devices += 1;
    const hex = devices.toString(16).padStart(4, '0').toUpperCase();
    const device = { mac: `AA:BB:CC:00:${hex.slice(0, 2)}:${hex.slice(2)}`, ip: `10.5.50.${devices + 9}`, session: null };
    const proxy = { server: await this.web.open(device) };
    const page = await guest(browser, server, { ...options, proxy });
    page.device = device;
    page.hasScripts = options.javaScriptEnabled !== false;
    return page;
  }

  get logins() { return this.hotspot.logins; }

  assertOnLine(page) { assert.ok(page.device.session, 'the phone is on-line'); }

  stop() {
    this.web.stop();
    this.hotspot.radius?.close();
    this.incoming?.close();
    [this.hotspot.radius, this.incoming] = [null, null];
  }
}
