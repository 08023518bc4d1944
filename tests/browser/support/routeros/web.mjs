// What guests reach through the router: its own pages, the walled garden, and, once they are on-line, all
// sites of the test's network. Guests use the router as an HTTP proxy, each device by a port of its own.

import { createHash } from 'node:crypto';
import http from 'node:http';
import { connect } from 'node:net';

import { fill } from './page.mjs';

const COOKIE = 'user';

// RouterOS has a script that computes MD5; here the router does it for the page.
const MD5_JS = `function hexMD5(text) {
  var asked = new XMLHttpRequest();
  asked.open('GET', '/md5?text=' + encodeURIComponent(text), false);
  asked.send();
  return asked.responseText;
}`;

/** Bytes as in a script's text: \371. */
const octal = (bytes) => [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

function body(request) {
  return new Promise((resolve) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => resolve(Buffer.concat(parts)));
  });
}

export class Web {
  /** `names`: the origin that answers for each host name outside, as in `{ 'portal.test': 'http://127.0.0.1:8080' }`. */
  constructor(hotspot, names) {
    Object.assign(this, { hotspot, names, servers: [], seen: [] });
  }

  get host() {
    const profile = this.hotspot.profile;
    return profile['dns-name'] || profile['hotspot-address'];
  }

  /** Opens a port for a device; returns the proxy's URL. */
  async open(host) {
    const server = http.createServer((request, response) => this.serve(request, response, host).catch((error) => {
      response.destroy(error);
    }));
    server.on('connect', (request, socket) => this.tunnel(request, socket, host));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.servers.push(server);
    return `http://127.0.0.1:${server.address().port}`;
  }

  /** Whether guests may reach a host before they are on-line. */
  isInGarden(name, port) {
    const { tables } = this.hotspot.device;
    const isOn = (row) => row.disabled !== 'yes';
    const matches = (pattern, text) => new RegExp(`^${pattern.replace(/[.+]/g, '\\$&').replace(/\*/g, '.*')}$`).test(text);
    return tables['/ip/hotspot/walled-garden'].some((row) => isOn(row) && row.action === 'allow' &&
        matches(row['dst-host'], name) && (row['dst-port'] ?? port) === port) ||
      tables['/ip/hotspot/walled-garden/ip'].some((row) => isOn(row) && row.action === 'accept' &&
        row['dst-address'] === name && (row['dst-port'] ?? port) === port);
  }

  async serve(request, response, host) {
    await this.hotspot.tick();
    const url = new URL(request.url);
    if (url.hostname === this.host) { return this.own(request, response, host, url); }
    if (!host.session && !this.isInGarden(url.hostname, url.port || '80')) {
      const to = `http://${this.host}/login?dst=${encodeURIComponent(url.href)}`;
      response.writeHead(302, { location: to, 'cache-control': 'no-store' }).end();
      return undefined;
    }
    return this.forward(request, response, host, url);
  }

  async forward(request, response, host, url) {
    const origin = this.names[url.host] ?? this.names[url.hostname];
    if (!origin) { response.writeHead(502).end('no such host'); return; }
    const target = new URL(origin);
    const headers = { ...request.headers };
    delete headers['proxy-connection'];
    const options = {
      host: target.hostname, port: target.port, method: request.method, path: url.pathname + url.search, headers, agent: false,
    };
    const sent = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.on('data', (part) => this.hotspot.used(host, 0, part.length));
      answer.pipe(response);
    });
    this.hotspot.used(host, 500, 0);
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    request.pipe(sent);
  }

  /** HTTPS: nothing of it can be answered by the router. */
  tunnel(request, socket, host) {
    const [name, port] = request.url.split(':');
    const origin = this.names[`${name}:${port}`] ?? this.names[`https://${name}`];
    if (!origin || (!host.session && !this.isInGarden(name, port))) { socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'); return; }
    const target = new URL(origin);
    const far = connect(target.port, target.hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      far.pipe(socket).pipe(far);
    });
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
  }

  /** A page of the router itself. */
  async own(request, response, host, url) {
    const fields = request.method === 'POST' ? new URLSearchParams((await body(request)).toString()) : url.searchParams;
    const reply = (text, { type = 'text/html', status = 200, ...headers } = {}) => {
      response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store', ...headers }).end(text);
    };
    const dst = fields.get('dst') ?? '';
    switch (url.pathname) {
      case '/md5.js': return reply(MD5_JS, { type: 'text/javascript' });
      case '/md5': return reply(createHash('md5').update(Buffer.from(fields.get('text'), 'latin1')).digest('hex'));
      case '/logout': await this.hotspot.logout(host); return reply('<h1>logged out</h1>');
      case '/status': return reply(host.session ? `<h1>on-line: ${host.session.username}</h1>` : '<h1>off-line</h1>');
      case '/api': return reply(this.page('api.json', host, {}), { type: 'application/captive+json' });
      case '/login': break;
      case '/': return reply('', { status: 302, location: `http://${this.host}/${host.session ? 'status' : 'login'}` });
      default: return reply('not found', { status: 404 });
    }
    this.seen.push(url.href);
    if (!host.session && fields.has('username')) {
      const username = fields.get('username');
      const error = await this.hotspot.login(host, username, fields.get('password') ?? '', dst);
      if (error) { return reply(this.page('login.html', host, { error, username, dst })); }
      return reply(this.welcome(dst), this.cookie(host));
    }
    if (!host.session) {
      const key = new RegExp(`(?:^|; )${COOKIE}=([0-9a-f]+)`).exec(request.headers.cookie ?? '')?.[1];
      if (!key || !await this.hotspot.loginByCookie(host, key)) {
        return reply(this.page('login.html', host, { dst }));
      }
    }
    return dst ? reply('', { status: 302, location: dst }) : reply(this.welcome(dst));
  }

  /** alogin.html: leads on to where the guest wanted to go. */
  welcome(dst) {
    const to = (dst || `http://${this.host}/status`).replace(/&/g, '&amp;').replace(/"/g, '&quot;');
    return `<!doctype html><title>Wi-Fi</title><meta http-equiv="refresh" content="2; url=${to}"><h1>logged in</h1>`;
  }

  cookie(host) {
    const { newCookie } = host;
    host.newCookie = null;
    return newCookie ? { 'set-cookie': `${COOKIE}=${newCookie.key}; Max-Age=${newCookie.lasts}; Path=/` } : {};
  }

  /** A file of the hotspot's folder. */
  page(name, host, { error = '', username = '', dst = '' }) {
    const { hotspot, hotspot: { device, profile } } = this;
    const files = device.tables['/file'];
    const folder = profile['html-directory-override'] || profile['html-directory'];
    const file = files.find((it) => it.name === `${folder}/${name}`) ?? files.find((it) => it.name === `flash/${folder}/${name}`);
    if (file?.contents === undefined) { throw new Error(`the router has no ${name}`); }
    const challenge = name === 'login.html' ? hotspot.challenge(host) : null;
    const login = `http://${this.host}/login`;
    const { session } = host;
    const left = session?.limits['Session-Timeout'];
    return fill(file.contents, {
      error, username, mac: host.mac, ip: host.ip, identity: device.tables['/system/identity'].name, 'link-login-only': login,
      'link-orig': dst || host.opened || '', 'link-login': dst ? `${login}?dst=${encodeURIComponent(dst)}` : login, 'logged-in': session ? 'yes' : 'no',
      'session-timeout-secs': left ? Math.floor(left - (hotspot.now() - session.began)) : 0, 'remain-bytes-total': '',
      'chap-id': challenge ? octal([challenge.id]) : '', 'chap-challenge': challenge ? octal(challenge.challenge) : '',
    });
  }

  stop() {
    for (const server of this.servers) {
      server.closeAllConnections?.();
      server.close();
    }
  }
}
