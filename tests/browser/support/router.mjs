// A MikroTik hotspot as far as its guests can tell: it serves deploy/mikrotik/login.html with the
// variables filled in, and accepts or refuses log-ins as RouterOS and FreeRADIUS do together.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import { endWithTheFile } from './started.mjs';

const CHALLENGE = { 'chap-id': '7', 'chap-challenge': 'abc' };
/** The identifier for a real FreeRADIUS: a control character, because radclient hashes a CHAP-Password
 * again that has none. */
const RAW_ID = '\u0007';

// RouterOS has a script that computes MD5; here the router does it for the page.
const REAL_MD5 = `function hexMD5(text) {
  var asked = new XMLHttpRequest();
  asked.open('GET', '/md5?text=' + encodeURIComponent(text), false);
  asked.send();
  return asked.responseText;
}`;

export class Router {
  /** `chap`: log-ins by a challenge. `pap`: log-ins by a plain password. */
  static async start({ chap = false, pap = !chap } = {}) {
    const router = new Router();
    Object.assign(router, { chap, pap, mac: 'AA:BB:CC:00:11:22', accepted: new Set(), refusals: new Map() });
    /** The log-ins as they came. */
    router.logins = [];
    /** A `FreeRadius` that decides instead. */
    router.radius = null;
    router.server = createServer((request, response) => router.serve(request, response));
    await new Promise((resolve) => router.server.listen(0, '127.0.0.1', resolve));
    router.host = `127.0.0.1:${router.server.address().port}`;
    router.base = `http://${router.host}`;
    endWithTheFile(() => router.stop());
    return router;
  }

  /** Installs the shipped file, with this address of the portal. */
  async installFile(portal) {
    const file = new URL('../../../deploy/mikrotik/login.html', import.meta.url);
    this.page = (await readFile(file, 'utf8')).replace('https://portal.example/', `${portal}/`);
  }

  serve(request, response) {
    const url = new URL(request.url, this.base);
    response.setHeader('content-type', 'text/html');
    if (url.pathname === '/md5.js') {
      response.setHeader('content-type', 'text/javascript');
      response.end(this.radius ? REAL_MD5 : 'function hexMD5(text) { return "md5(" + text + ")"; }');
    } else if (url.pathname === '/md5') {
      response.end(createHash('md5').update(url.searchParams.get('text')).digest('hex'));
    } else if (request.method === 'POST') {
      let body = '';
      request.on('data', (data) => { body += data; });
      request.on('end', () => this.logIn(response, new URLSearchParams(body)));
    } else if (url.searchParams.has('username')) {
      this.logIn(response, url.searchParams);
    } else {
      response.end(this.fill({ error: '', username: '' }));
    }
  }

  async logIn(response, fields) {
    const login = Object.fromEntries(fields);
    this.logins.push(login);
    const error = this.radius ? await this.asked(login) : this.refusal(login);
    response.end(error ? this.fill({ error, username: login.username }) : '<h1>logged in</h1>');
  }

  /** FreeRADIUS reads a code in any spelling, and takes a name without a password for the code. */
  refusal({ username, password }) {
    const code = username.toUpperCase().replace(/[\s\u2010-\u2014-]/g, '');
    const hashed = `md5(${CHALLENGE['chap-id']}${username}${CHALLENGE['chap-challenge']})`;
    if (this.refusals.has(code)) { return this.refusals.get(code); }
    const isHashed = this.chap && password === hashed;
    if (!isHashed && !this.pap) {
      return 'web browser did not send challenge response (try again, enable JavaScript)';
    }
    const isRight = isHashed || password === '' || password === username;
    return isRight && this.accepted.has(code) ? null : 'invalid username or password';
  }

  /** Asks the real FreeRADIUS, by a challenge if the log-in answers one. Returns the reason of a Reject. */
  asked({ username, password }) {
    const byte = (text) => Buffer.from(text).toString('hex');
    const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`;
    const proof = this.chap
      ? [`CHAP-Password = 0x${byte(RAW_ID)}${password}`, `CHAP-Challenge = 0x${byte(CHALLENGE['chap-challenge'])}`]
      : [`User-Password = ${quoted(password)}`];
    return this.radius.refusal([`User-Name = ${quoted(username)}`, `Calling-Station-Id = "${this.mac}"`, ...proof]);
  }

  fill({ error, username }) {
    const values = {
      error, username, mac: this.mac, ip: '10.5.50.9', identity: 'router',
      'link-login-only': `${this.base}/login`, 'link-orig': 'http://news.test/',
      'chap-id': '', 'chap-challenge': '', ...(this.chap ? CHALLENGE : {}),
      ...(this.chap && this.radius ? { 'chap-id': RAW_ID } : {}),
    };
    const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
    return this.page
      .replace(/\$\(if ([a-z-]+)\)([^]*?)\$\(endif\)/g, (_, name, part) => (values[name] ? part : ''))
      .replace(/\$\(([a-z-]+)\)/g, (_, name) => escaped(values[name]));
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
