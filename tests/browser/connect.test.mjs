// From the code to the Internet: copying the code, and logging in at the router.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { assertClean, code, guest, launch, order } from './support/browser.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  browser = await launch();
  server = await Server.start({ portal: { login_hosts: '127.0.0.1:7,router.test' } });
});
after(endAll);

const fromRouter = (login, more = '') =>
  `/?link-login-only=${encodeURIComponent(login)}&link-orig=http%3A%2F%2Fnews.test%2F${more}`;

async function paid(page, path) {
  const id = await order(page, { phone: freshPhone(), path });
  await server.decide(id, { decision: 'approve' });
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  return code(page);
}

test('the button opens the log-in page of the router that sent the guest, with the code', async () => {
  const page = await guest(browser, server);

  const voucher = await paid(page, fromRouter('http://router.test/login'));

  const href = await page.getByRole('link', { name: 'Unganisha sasa' }).getAttribute('href');
  assert.equal(href, `http://router.test/login?username=${voucher}&password=${voucher}&dst=http%3A%2F%2Fnews.test%2F`);
  assertClean(page);
  await page.context().close();
});

test('no code is offered to a host that is not in the list', async () => {
  const page = await guest(browser, server);

  await paid(page, fromRouter('http://evil.test/login'));

  assert.equal(await page.locator('#connect').count(), 0);
  assert.doesNotMatch(await page.content(), /evil/);
  await page.context().close();
});

test('the code can be copied', async () => {
  const page = await guest(browser, server, { permissions: ['clipboard-read', 'clipboard-write'] });
  const voucher = await paid(page, '/');

  await page.getByRole('button', { name: 'Nakili vocha' }).click();

  await page.getByRole('button', { name: 'Vocha imenakiliwa' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), voucher);
  await page.context().close();
});

test('the router\'s page redirects a new guest to the portal and logs in a guest who has paid', async () => {
  const template = await readFile(new URL('../../deploy/mikrotik/login.html', import.meta.url), 'utf8');
  const page = await guest(browser, server);
  const router = await Router.start(template, server.base);
  try {
    await page.goto(`${router.base}/login`);
    await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
    assert.match(page.url(), /link-login-only=/);

    await page.goto(`${router.base}/login#code=K7QMX2PA&dst=http%3A%2F%2Fnews.test%2F`);
    await page.getByText('logged in').waitFor();

    assert.deepEqual(router.logins, [
      { username: 'K7QMX2PA', password: 'md5(7K7QMX2PAabc)', dst: 'http://news.test/' },
    ]);
  } finally {
    await page.context().close();
    router.stop();
  }
});

/** A router as RouterOS is, as far as its log-in page can tell, with a challenge. */
class Router {
  static start(template, portal) {
    const router = new Router();
    router.logins = [];
    router.server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      if (request.url === '/md5.js') {
        response.setHeader('content-type', 'text/javascript');
        response.end('function hexMD5(text) { return "md5(" + text + ")"; }');
      } else if (request.method === 'POST') {
        let body = '';
        request.on('data', (data) => { body += data; });
        request.on('end', () => {
          router.logins.push(Object.fromEntries(new URLSearchParams(body)));
          response.end('logged in');
        });
      } else {
        response.end(router.fill(template, portal));
      }
    });
    return new Promise((resolve) => {
      router.server.listen(0, '127.0.0.1', () => {
        router.base = `http://127.0.0.1:${router.server.address().port}`;
        resolve(router);
      });
    });
  }

  fill(template, portal) {
    const values = {
      'link-login-only': `${this.base}/login`, 'link-orig': 'http://start.test/',
      'chap-id': '7', 'chap-challenge': 'abc', mac: 'AA:BB', ip: '10.5.50.9',
      identity: 'router', error: '',
    };
    return template
      .replace('https://portal.example/', `${portal}/`)
      .replace(/\$\(if chap-id\)|\$\(endif\)/g, '')
      .replace(/\$\(([a-z-]+)\)/g, (_, name) => values[name]);
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
