// Sessions of a MikroTik's guests: ended by the owner, lost by a reboot, reported by two routers that give
// themselves the same address, and begun with a printed card. With the real FreeRADIUS.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './support/browser.mjs';
import { TOKEN, operator } from './support/console.mjs';
import { printed } from './support/console-states.mjs';
import { World, shot } from './support/hotspot.mjs';
import { buy, connect, openSite, shop } from './support/journey.mjs';
import { endAll } from './support/started.mjs';

const isLong = process.env.MALIPO_TEST_LONG === 'yes';
const ONLY_LONG = { skip: !isLong && 'only with MALIPO_TEST_LONG=yes' };
/** Ends a test whose event does not come. */
const LIMIT = { timeout: 180_000 };
const kinds = isLong ? ['SQLite', 'PostgreSQL'] : ['PostgreSQL'];

let browser;

before(async () => { browser = await launch(); });
after(endAll);

/** A guest who has bought and is on-line at this router. */
async function onLine(router, server) {
  const page = await router.join(browser, server);
  await shop(page);
  const bought = await buy(page, server);
  await connect(page, bought.code);
  router.assertOnLine(page);
  return { page, ...bought };
}

function refund(server, order) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
  const body = JSON.stringify({ reason: 'the router was down', method: 'cash' });
  return server.json(`/api/v1/operator/orders/${order}/refund`, { method: 'POST', headers, body });
}

/** The sessions that FreeRADIUS has as open, by router. */
const openSessions = (server) => server.ask(`SELECT nasidentifier || ' ' || username FROM radacct
  WHERE acctstoptime IS NULL ORDER BY radacctid`);

for (const kind of kinds) {
  test(`a refunded guest is off-line at once, and sees why, on ${kind}`, LIMIT, async () => {
    const { server, router } = await World.start({ kind }).then(async (world) => ({ ...world, router: await world.router() }));
    const { page, order, code } = await onLine(router, server);
    const ended = router.hotspot.ended(page.device);

    await refund(server, order);
    await ended;

    assert.equal(await server.ask(`SELECT acctterminatecause FROM radacct WHERE username = '${code}' AND acctsessionid <> ''`), 'Admin-Reset');
    await page.goto('http://news.test/');
    await page.getByText('Pesa ya vocha yako imerudishwa').waitFor();
    await shot(page, 'refunded');
    assert.equal(page.device.session, null);
    await page.context().close();
  });

  test(`two routers with one address of their own are told apart, also when one reboots, on ${kind}`, LIMIT, async () => {
    const world = await World.start({ kind });
    const { server } = world;
    const bar = await world.router({ name: 'bar', identity: 'bar', source: '127.0.0.2' });
    const kiosk = await world.router({ name: 'kiosk', identity: 'kiosk', source: '127.0.0.3' });
    assert.equal(bar.hotspot.nasAddress, kiosk.hotspot.nasAddress);
    const atBar = await onLine(bar, server);
    const atKiosk = await onLine(kiosk, server);
    assert.equal(await openSessions(server), `bar ${atBar.code}\nkiosk ${atKiosk.code}`);

    await kiosk.hotspot.reboot();
    assert.equal(await openSessions(server), `bar ${atBar.code}`, 'only what the router has lost is closed');

    // The cookie survives the reboot, and the router counts its sessions anew.
    await openSite(atKiosk.page);
    assert.equal(kiosk.logins.at(-1).way, 'cookie');
    assert.equal(atKiosk.page.device.session.id, '80000001');
    assert.equal(await openSessions(server), `bar ${atBar.code}\nkiosk ${atKiosk.code}`);

    const ended = bar.hotspot.ended(atBar.page.device);
    await refund(server, atBar.order);
    await ended;
    kiosk.assertOnLine(atKiosk.page);
    await atBar.page.context().close();
    await atKiosk.page.context().close();
  });
}

test('a printed card is typed in the portal, and its session is shown as used', LIMIT, async () => {
  const world = await World.start();
  const { server } = world;
  const router = await world.router({ signs: true });
  const console = await operator(browser, server);
  await printed(console, server, { count: 1 });
  const code = (await console.locator('.voucher .code').first().innerText()).replace(/\s/g, '');
  await console.context().close();
  const page = await router.join(browser, server, { javaScriptEnabled: false });
  await shop(page);

  await page.locator('#code').fill(` ${code.slice(0, 4).toLowerCase()}-${code.slice(4)}`);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await page.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();
  await connect(page, code);
  await openSite(page);
  await shot(page, 'card-on-line');

  assert.equal(router.logins.length, 1);
  await page.goto(server.url('/voucher'));
  await page.locator('#code').fill(code);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await page.getByRole('heading', { name: 'Vocha hii inatumika' }).waitFor();
  await page.context().close();
});

test('the data of a voucher ends the session, and the guest learns it', { ...LIMIT, ...ONLY_LONG }, async () => {
  const world = await World.start();
  const { server } = world;
  const router = await world.router();
  const { page, code } = await onLine(router, server);
  await server.sql(`INSERT INTO radreply (username, attribute, op, value) VALUES ('${code}', 'Mikrotik-Total-Limit', ':=', '100000')`);
  await router.hotspot.logout(page.device);
  await openSite(page);
  assert.equal(page.device.session.limits['Mikrotik-Total-Limit'] <= 100_000, true);

  router.hotspot.used(page.device, 60_000, 60_000);
  await page.goto('http://news.test/');
  await page.locator('#notice').or(page.getByRole('heading', { name: 'Nunua intaneti' })).first().waitFor();
  assert.equal(page.device.session, null);
  await page.goto('http://wifi.test/login#hapa');
  await page.locator('#code').fill(code);
  await page.getByRole('button', { name: 'Unganisha' }).click();
  await page.getByText('Data ya vocha hii imeisha').first().waitFor();
  await page.context().close();
});

test('a router that does not sign is not answered where FreeRADIUS wants that, and guests are told to try again', { ...LIMIT, ...ONLY_LONG }, async () => {
  const world = await World.start();
  const { server } = world;
  const router = await world.router({ signs: true });
  await router.paste('/radius set [find comment=malipo] require-message-auth=no');
  const page = await router.join(browser, server);
  await shop(page);
  await buy(page, server);

  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await page.locator('#notice').waitFor();
  assert.match(await page.locator('#notice').innerText(), /haiwezi kukagua vocha/);
  assert.equal(router.logins[0].error, 'RADIUS server is not responding');
  await page.context().close();
});
