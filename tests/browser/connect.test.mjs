// From the code to the Internet: copying the code, and logging in at the router.

import assert from 'node:assert/strict';
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
