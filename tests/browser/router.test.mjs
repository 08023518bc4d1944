// Guests of a MikroTik, from the shop to the Internet and back, in a real browser: the router that our script has
// set up asks a real FreeRADIUS, and lets nothing else through.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { code as codeOn, launch } from './support/browser.mjs';
import { World, shot } from './support/hotspot.mjs';
import { buy, connect, openSite, shop, timeIsOver } from './support/journey.mjs';
import { endAll } from './support/started.mjs';

const isLong = process.env.MALIPO_TEST_LONG === 'yes';
const NO_SCRIPT = { javaScriptEnabled: false };
/** How the owner's router lets guests log in; the first is what our script sets. */
const WAYS = { pap: 'http-pap,cookie', chap: 'http-chap,cookie', both: 'http-chap,http-pap,cookie' };

let browser;

before(async () => { browser = await launch(); });
after(endAll);

async function at(way, options = {}) {
  const world = await World.start(options);
  const router = await world.router(options);
  assert.equal(router.hotspot.profile['login-by'], WAYS.pap, 'what the script sets');
  if (way !== 'pap') { await router.paste(`/ip hotspot profile set hsprof1 login-by=${WAYS[way]}`); }
  return { ...world, router };
}

/** Types a code on the router's own page. */
async function typeAtTheRouter(page, typed) {
  await page.goto('http://wifi.test/login#hapa');
  await page.locator('#code').fill(typed);
  await page.getByRole('button', { name: 'Unganisha' }).click();
}

const journeys = [
  { way: 'pap', kind: 'SQLite', script: true }, { way: 'pap', kind: 'PostgreSQL', script: false },
  { way: 'chap', kind: 'PostgreSQL', script: true }, { way: 'both', kind: 'SQLite', script: false },
  ...(isLong ? [
    { way: 'pap', kind: 'PostgreSQL', script: true }, { way: 'pap', kind: 'SQLite', script: false, version: '6.49.17' },
    { way: 'chap', kind: 'SQLite', script: true, version: '6.48.6' }, { way: 'both', kind: 'PostgreSQL', script: true },
  ] : []),
];

for (const { way, kind, script, version } of journeys) {
  const title = `${way}, ${kind}${script ? '' : ', without scripts'}${version ? `, RouterOS ${version}` : ''}`;
  test(`a guest buys, is on-line, is idle, is on-line again by itself, and buys again: ${title}`, async () => {
    const { server, router } = await at(way, { kind, ...(version ? { version } : {}) });
    const page = await router.join(browser, server, script ? {} : NO_SCRIPT);
    const name = `${way}-${script ? 'js' : 'nojs'}`;

    await shop(page);
    await shot(page, `${name}-1-shop`);
    const bought = await buy(page, server, `${name}-2`);
    await connect(page, bought.code, { byHand: way === 'both' && !script });
    await openSite(page);
    await shot(page, `${name}-3-on-line`);
    const [login] = router.logins;
    assert.deepEqual(login, { way: way === 'chap' || (way === 'both' && script) ? 'chap' : 'pap', username: bought.code, error: null });
    assert.equal(page.device.session.limits['Idle-Timeout'], 900);

    await router.hotspot.advance(1_000);
    assert.equal(page.device.session, null, 'idle');
    await openSite(page);
    router.assertOnLine(page);
    assert.equal(router.logins.at(-1).way, 'cookie', 'nothing was asked of the guest');

    await timeIsOver(server, router, bought.code);
    assert.equal(page.device.session, null);
    await shop(page);
    await page.getByText('Vocha yako imeisha').waitFor();
    await shot(page, `${name}-4-time-over`);
    const tried = router.logins.length;
    const again = await buy(page, server, `${name}-5`);
    assert.notEqual(again.code, bought.code);
    await connect(page, again.code, { byHand: way === 'both' && !script });
    await openSite(page);
    assert.equal(router.logins.length, tried + 1, 'the old code is not tried any more');
    await page.context().close();
  });
}

test('nothing but the portal is reached before the log-in', async () => {
  const { server, router } = await at('pap');
  const page = await router.join(browser, server, NO_SCRIPT);

  const answer = await page.goto('http://news.test/a?b=1');
  assert.ok(page.url().startsWith('http://wifi.test/login?dst='), page.url());
  assert.equal(answer.status(), 200);
  const secure = await router.join(browser, server, NO_SCRIPT);
  await assert.rejects(secure.goto('https://news.test/'), /ERR_TUNNEL_CONNECTION_FAILED/);
  await secure.context().close();
  await page.goto(server.url('/'));
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
  await page.context().close();
});

test('a code that does not exist is refused with the reason, at the router and in the portal', async () => {
  const { server, router } = await at('pap');
  const page = await router.join(browser, server);

  await typeAtTheRouter(page, 'AAAA-BBBB');
  await page.getByText('Vocha hii haipo').first().waitFor();
  await shot(page, 'refused');
  assert.equal(router.logins.length, 1, 'it is not tried again');
  assert.match(router.logins[0].error, /not accepted/);

  const plain = await router.join(browser, server, NO_SCRIPT);
  await typeAtTheRouter(plain, 'AAAA-BBBB');
  await plain.getByText('This code was not accepted').waitFor();
  await plain.getByText('Imeshindikana kuunganisha').waitFor();
  await plain.getByRole('button', { name: 'Nunua intaneti' }).click();
  await plain.locator('#notice').waitFor();
  await page.context().close();
  await plain.context().close();
});

for (const localPassword of ['admin', '']) {
  test(`nobody is on-line as the user that the hotspot's setup has made, with the password "${localPassword}"`, async () => {
    const { server, router } = await at('pap', { localPassword });
    for (const options of [{}, NO_SCRIPT]) {
      const page = await router.join(browser, server, options);

      const answered = page.waitForResponse((answer) => answer.request().method() === 'POST' && answer.url().startsWith('http://wifi.test/'));
      await typeAtTheRouter(page, 'admin');
      await answered;

      assert.match(router.logins.at(-1).error ?? 'on-line', /not accepted/);
      assert.equal(page.device.session, null);
      await page.context().close();
    }
    assert.equal(router.logins.length, 2);
  });
}

test('a guest who has paid is told to switch scripts on where the router asks for a challenge alone, and never loops', async () => {
  const { server, router } = await at('chap');
  const page = await router.join(browser, server, NO_SCRIPT);
  await shop(page);
  const { code } = await buy(page, server);

  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await page.waitForURL(/wifi\.test\/login/);
  await page.locator('noscript p').waitFor();
  await page.locator('#code').fill(code);
  await page.getByRole('button', { name: 'Unganisha' }).click();
  await page.getByText('enable JavaScript').first().waitFor();
  assert.deepEqual(router.logins.map(({ way }) => way), ['none']);

  // Nothing has led the guest anywhere: each page was opened by a press of the guest.
  const shown = page.url();
  await page.reload();
  assert.equal(page.url(), shown);
  await shot(page, 'chap-nojs-stays');
  await page.context().close();
});

test('a voucher bought on one phone is used on another by the link in its SMS', async () => {
  const { server, router } = await at('pap');
  const buyer = await router.join(browser, server);
  await shop(buyer);
  const { order, code } = await buy(buyer, server);
  const other = await router.join(browser, server);
  await shop(other);

  await other.goto(await server.ownerLink(order));
  assert.equal(await codeOn(other), code);
  await connect(other, code);
  await openSite(other);
  await shot(other, 'sms-link');

  // One voucher is for one device; the buyer sees why.
  await buyer.getByRole('link', { name: 'Unganisha sasa' }).click();
  await buyer.locator('#notice').waitFor();
  assert.match(await buyer.locator('#notice').innerText(), /Simu nyingine zinatumia vocha hii/);
  assert.equal(buyer.device.session, null);
  await buyer.context().close();
  await other.context().close();
});

test('a guest of a router that is not in the list types the code at the router', async () => {
  const { server, router } = await at('pap', { dnsName: 'other.test' });
  const page = await router.join(browser, server);
  await shop(page);
  const { code } = await buy(page, server);
  assert.equal(await page.getByRole('link', { name: 'Unganisha sasa' }).count(), 0, 'the code goes to no strange router');

  await page.goto('http://other.test/login#hapa');
  await page.locator('#code').fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Unganisha' }).click();
  await page.waitForURL('http://other.test/status');
  await openSite(page);
  await page.context().close();
});
