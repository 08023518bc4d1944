// A guest at a CoovaChilli, with a real FreeRADIUS and without JavaScript: buys, is on-line, and is told why
// not.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { code, guest, launch, orderId } from './support/browser.mjs';
import { Chilli } from './support/chilli.mjs';
import { operator } from './support/console.mjs';
import { printed } from './support/console-states.mjs';
import { FreeRadius } from './support/freeradius.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let chilli;
let plain;
let server;
let radius;

before(async () => {
  browser = await launch();
  chilli = await Chilli.start({ secret: 'uam-secret-of-the-tests' });
  plain = await Chilli.start({ secret: chilli.secret, challenges: false });
  server = await Server.startPublic({
    portal: { login_hosts: `${chilli.host},${plain.host}`, uam_secret: chilli.secret },
  });
  radius = await FreeRadius.start(server.env.MALIPO__DATABASE__URL);
  for (const router of [chilli, plain]) { Object.assign(router, { portal: server.base, radius }); }
});
after(endAll);

const connect = (page) => page.getByRole('button', { name: 'Unganisha sasa' }).click();
const online = (page) => page.getByRole('heading', { name: 'Umeunganishwa' }).waitFor();

/** A guest whom the router sends to the shop. */
async function arrived(router, options = {}) {
  router.isOnline = false;
  const page = await guest(browser, server, { javaScriptEnabled: false, ...options });
  await page.goto(`${router.base}/`);
  return page;
}

/** The same, with a voucher that was just paid for. */
async function paid(router) {
  const page = await arrived(router);
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(freshPhone());
  await page.locator('#pay').click();
  await page.waitForURL(/\/order\//);
  await server.decide(orderId(page), { decision: 'approve' });
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  return page;
}

test('a guest buys, presses the button, and sees that the voucher runs', async () => {
  const page = await paid(chilli);
  const voucher = await code(page);

  await connect(page);
  await online(page);

  assert.equal(chilli.isOnline, true);
  await page.getByText(/Muda uliobaki: saa 23/).waitFor();
  assert.equal(await code(page), voucher);
  assert.equal(await page.locator('#connect').count(), 0);
  // A phone that has used its voucher and has no session is logged in again by itself.
  await server.sql(`INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, callingstationid,
    acctstarttime, acctstoptime) VALUES ('1', '1', '${voucher}', '10.0.0.1', 'AA:BB:CC:00:11:22',
    unixepoch(), unixepoch())`);
  chilli.isOnline = false;
  await page.goto(`${chilli.base}/`);
  await online(page);
  // But not after a log-off.
  await page.context().clearCookies({ name: 'malipo_tried' });
  await page.goto(`${chilli.base}/logoff`);
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  assert.equal(chilli.isOnline, false);
  await page.context().close();
});

test('a printed card is typed in the shop', async () => {
  const console = await operator(browser, server);
  await printed(console, server, { count: 1 });
  const card = (await console.locator('.voucher .code').innerText()).replace(/\s/g, '');
  await console.context().close();
  const page = await arrived(chilli, { javaScriptEnabled: true });

  await page.locator('#code').fill(card.toLowerCase());
  await page.getByRole('button', { name: 'Angalia' }).click();
  await connect(page);
  await online(page);

  assert.equal(chilli.isOnline, true);
  await page.context().close();
});

test('a guest who paid slowly gets a fresh challenge', async () => {
  const page = await paid(chilli);
  // As if the guest had arrived long ago: the challenge in the links is old, and the router has another.
  chilli.renew();
  await page.goto(page.url().replace(/chal=[^&]+/, `chal=${'ab'.repeat(16)}.1000000000`));
  chilli.seen = [];

  await connect(page);
  await online(page);

  assert.deepEqual(chilli.seen.filter((path) => path !== '/favicon.ico'), ['/prelogin', '/logon']);
  await page.context().close();
});

test('a challenge that the router has replaced is not taken for a wrong code', async () => {
  const page = await paid(chilli);
  chilli.renew();

  await connect(page);
  await page.getByText('Umechelewa kidogo kuunganisha').waitFor();
  assert.match(page.url(), /\/order\//);
  await connect(page);
  await online(page);

  await page.context().close();
});

test('a voucher that has ended is refused with the reason, at its order', async () => {
  const page = await paid(chilli);
  await server.sql(`UPDATE radcheck SET value = '1000000000' WHERE attribute = 'Expiration'
    AND username = '${await code(page)}'`);

  await connect(page);
  await page.getByText('Muda wa vocha hii umeisha.').waitFor();

  assert.match(page.url(), /\/order\//);
  assert.equal(chilli.isOnline, false);
  await page.context().close();
});

test('a router without challenges gets the code alone', async () => {
  const page = await paid(plain);

  await connect(page);
  await online(page);

  assert.equal(plain.isOnline, true);
  await page.context().close();
});

test('what no router has signed is not believed', async () => {
  const page = await guest(browser, server, { javaScriptEnabled: false });
  const query = `res=notyet&uamip=127.0.0.1&uamport=${chilli.port}&challenge=${'ab'.repeat(16)}`;
  const voucher = await server.code(await bought());

  await page.goto(server.url(`/?${query}&md=${'00'.repeat(16)}`));
  await page.locator('#code').fill(voucher);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await page.getByText('Vocha hii ni mpya').waitFor();

  assert.equal(await page.locator('#connect').count(), 0);
  await page.context().close();
});

/** An order that was paid. */
async function bought() {
  const id = await server.buy();
  await server.decide(id, { decision: 'approve' });
  const status = await server.json(`/api/v1/customer-portal/payment/status/${id}?wait=30`);
  assert.equal(status.payment_status, 'COMPLETED');
  return id;
}
