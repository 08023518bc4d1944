// A guest at an openNDS, with a real FreeRADIUS and without JavaScript: the portal asks FreeRADIUS, and
// openNDS's script accepts what the portal has signed for this device.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { code, guest, launch, orderId } from './support/browser.mjs';
import { operator } from './support/console.mjs';
import { printed } from './support/console-states.mjs';
import { FreeRadius } from './support/freeradius.mjs';
import { OpenNds } from './support/opennds.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let nds;
let server;
let radius;

before(async () => {
  browser = await launch();
  nds = await OpenNds.start({ key: '0123456789abcdef' });
  const portal = { login_hosts: nds.host, fas_key: nds.key };
  server = await Server.startPublic({ portal, radius: { server: '127.0.0.1:1', secret: 'unused-here' } });
  radius = await FreeRadius.start(server.env.MALIPO__DATABASE__URL);
  await server.halt('SIGTERM');
  server.changes.radius = { server: `127.0.0.1:${radius.ports.auth}`, secret: radius.secret };
  await server.run();
  nds.portal = server.base;
});
after(endAll);

const connect = (page) => page.getByRole('button', { name: 'Unganisha sasa' }).click();
const online = (page) => page.getByRole('heading', { name: 'Umeunganishwa' }).waitFor();

async function arrived(device, options = {}) {
  nds.forget(device);
  const page = await guest(browser, server, { javaScriptEnabled: false, ...options });
  await page.goto(`${nds.base}/login`);
  return page;
}

async function paid(device) {
  const page = await arrived(device);
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(freshPhone());
  await page.locator('#pay').click();
  await page.waitForURL(/\/order\//);
  await server.decide(orderId(page), { decision: 'approve' });
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  return page;
}

async function typed(page, voucher) {
  await page.locator('#code').fill(voucher);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await connect(page);
}

test('a guest buys and is on-line, with the limits of the package; a second phone is refused', async () => {
  const page = await paid({ mac: '02:00:00:00:00:01' });
  const voucher = await code(page);

  await connect(page);
  await online(page);

  const [seconds, ...speeds] = nds.limits;
  assert.ok(seconds > 86_000 && seconds <= 86_400, `${seconds}`);
  assert.deepEqual(speeds, [2048, 5120, 0, 0]);
  await page.getByText(/Muda uliobaki: saa 23/).waitFor();
  await page.getByText('Vifaa mtandaoni sasa: 1 kati ya 1').waitFor();
  // openNDS knows the guest.
  await page.goto(`${nds.base}/opennds_auth/?tok=x`);
  await online(page);

  // The portal asks FreeRADIUS, and openNDS reports no sessions: the first phone counts all the same.
  const second = await arrived({ mac: '02:00:00:00:00:02' });
  await typed(second, voucher);
  await second.getByText('Simu nyingine zinatumia vocha hii sasa').waitFor();
  assert.equal(nds.limits, null);
  await second.context().close();

  // The first comes back, and is logged in by itself.
  nds.forget({ mac: '02:00:00:00:00:01' });
  await page.context().clearCookies({ name: 'malipo_tried' });
  await page.goto(`${nds.base}/login`);
  await online(page);
  assert.deepEqual(nds.verdicts, ['accepted']);
  await page.context().close();
});

test('a printed card is typed in the shop', async () => {
  const console = await operator(browser, server);
  await printed(console, server, { count: 1 });
  const card = (await console.locator('.voucher .code').innerText()).replace(/\s/g, '');
  await console.context().close();
  const page = await arrived({ mac: '02:00:00:00:00:03' }, { javaScriptEnabled: true });

  await typed(page, card.toLowerCase());
  await online(page);

  assert.deepEqual(nds.verdicts, ['accepted']);
  await page.context().close();
});

test('a voucher that has ended is refused with the reason, at its order', async () => {
  const page = await paid({ mac: '02:00:00:00:00:04' });
  await server.sql(`UPDATE radcheck SET value = '1000000000' WHERE attribute = 'Expiration'
    AND username = '${await code(page)}'`);

  await connect(page);
  await page.getByText('Muda wa vocha hii umeisha.').waitFor();

  assert.match(page.url(), /\/order\//);
  assert.deepEqual(nds.verdicts, [], 'the router was not asked');
  await page.context().close();
});

test('a browser that names the device of another guest is refused by the router', async () => {
  const page = await paid({ mac: '02:00:00:00:00:05', claims: '02:00:00:00:00:06' });

  await connect(page);
  await page.getByText('Wi-Fi haikukuruhusu kuingia').waitFor();

  assert.deepEqual(nds.verdicts, ['refused']);
  assert.equal(nds.limits, null);
  await page.context().close();
});

test('a log-in that was signed long ago is refused, by the time of the portal and not the router\'s', async () => {
  const page = await paid({ mac: '02:00:00:00:00:07' });
  await connect(page);
  await online(page);
  const { signed } = nds;
  // The session ends, and the browser uses the same link again.
  const again = async (secs) => {
    nds.uptime(1_000 + secs);
    nds.limits = null;
    await page.goto(signed);
    return nds.limits !== null;
  };

  assert.equal(await again(300), true);
  assert.equal(await again(420), false);
  assert.equal(await again(86_400), false);

  // Fresh log-ins go on.
  nds.uptime(1_000);
  const next = await paid({ mac: '02:00:00:00:00:08' });
  await connect(next);
  await online(next);
  assert.deepEqual(nds.verdicts, ['accepted']);
  await next.context().close();
  await page.context().close();
});
