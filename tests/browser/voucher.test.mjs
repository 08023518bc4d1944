// From a voucher in the hand to the Internet, with the router's own page: typed there or in the portal,
// with scripts and without, refused, and after a pause.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { code as codeOn, guest, launch, order } from './support/browser.mjs';
import { LoginPage } from './support/login-page.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const NO_SCRIPT = { javaScriptEnabled: false };
const spelled = (code) => ` ${code.slice(0, 4).toLowerCase()}-${code.slice(4).toLowerCase()} `;

let browser;
let server;
let routers;
let voucher;

before(async () => {
  const [launched, pap, chap] = await Promise.all([
    launch(), LoginPage.start(), LoginPage.start({ chap: true }),
  ]);
  [browser, routers] = [launched, { pap, chap }];
  server = await Server.start({ portal: { login_hosts: `${pap.host},${chap.host}` } });
  await Promise.all([pap.installFile(server.base), chap.installFile(server.base)]);
});
after(endAll);

beforeEach(async () => {
  const id = await server.buy();
  await server.decide(id, { decision: 'approve' });
  await server.json(`/api/v1/customer-portal/payment/status/${id}?wait=30`);
  voucher = await server.code(id);
  for (const router of Object.values(routers)) {
    router.logins = [];
    router.accepted = new Set([voucher]);
    router.refusals.clear();
  }
});

const atRouter = (page) => page.getByRole('button', { name: 'Unganisha' });
const loggedIn = (page) => page.getByRole('heading', { name: 'logged in' }).waitFor();
/** Types a code on the page that is shown, of the router or of the portal. */
const type = (page, code) => page.locator('#code').fill(code);

/** No address of the portal that the page has opened has the code. */
function assertNoCode(page, code) {
  const opened = page.seen.requests.filter((url) => url.startsWith(server.base));
  assert.ok(opened.length > 0);
  assert.deepEqual(opened.filter((url) => new URL(url).href.split('#')[0].includes(code)), []);
}

/** A session of the voucher, as the router's accounting reports it. */
const session = (code, mac) => server.sql(`INSERT INTO radacct (acctsessionid, acctuniqueid, username,
  nasipaddress, acctstarttime, callingstationid)
  VALUES ('${code}', '${code}', '${code}', '10.0.0.1', CAST(strftime('%s', 'now') AS integer), '${mac}')`);

test('without scripts a voucher is typed on the router\'s page, by PAP', async () => {
  const page = await guest(browser, server, NO_SCRIPT);
  await page.goto(`${routers.pap.base}/login`);

  await type(page, spelled(voucher));
  await atRouter(page).click();
  await loggedIn(page);

  const [login] = routers.pap.logins;
  assert.deepEqual(login, { username: spelled(voucher), password: '', dst: 'http://news.test/' });
  await page.context().close();
});

test('by a challenge the router\'s script sends the code as it is stored, also while the portal is away', async () => {
  const router = await LoginPage.start({ chap: true });
  await router.installFile('http://127.0.0.1:1');
  router.accepted.add(voucher);
  const page = await guest(browser, server);
  await page.goto(`${router.base}/login`);

  // U+2010 to U+2014: hyphens, a figure dash and dashes, as keyboards write them.
  const logins = [spelled(voucher), ...'\u2010\u2011\u2012\u2013\u2014'].map((typed) => (
    typed.length > 1 ? typed : voucher.slice(0, 4) + typed + voucher.slice(4)));
  for (const typed of logins) {
    await page.goto('about:blank');
    await page.goto(`${router.base}/login`);
    await type(page, typed);
    await atRouter(page).click();
    await loggedIn(page);
  }

  assert.equal(router.logins.length, logins.length);
  for (const { username, password, dst } of router.logins) {
    assert.deepEqual([username, dst], [voucher, 'http://news.test/']);
    assert.match(password, /^[0-9a-f]{32}$/, 'the code itself is not sent');
  }
  await page.context().close();
});

for (const kind of ['pap', 'chap']) {
  test(`the router sends a guest to the shop, where a voucher is typed, shown and used, by ${kind}`, async () => {
    const page = await guest(browser, server);
    await page.goto(`${routers[kind].base}/login`);
    await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();

    await type(page, spelled(voucher));
    await page.getByRole('button', { name: 'Angalia' }).click();
    await page.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();
    assert.match(await page.locator('.voucher').innerText(), /Muda uliobaki: saa 23/);
    assert.deepEqual(routers[kind].logins, [], 'looking is not using');
    await page.getByRole('link', { name: 'Unganisha sasa' }).click();
    await loggedIn(page);

    assert.equal(routers[kind].logins.length, 1);
    assert.equal(routers[kind].logins[0].dst, 'http://news.test/');
    assertNoCode(page, voucher);
    await page.context().close();
  });

  test(`a refused guest without an order sees what the voucher is worth and why, by ${kind}`, async () => {
    const page = await guest(browser, server);
    routers[kind].refusals.set(voucher, `user ${voucher} has reached traffic limit`);
    await page.goto(`${routers[kind].base}/login`);
    await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
    await page.goBack();
    await type(page, spelled(voucher));
    await atRouter(page).click();

    await page.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();

    assert.match(await page.locator('#notice').innerText(), /Data ya vocha hii imeisha/);
    assert.equal(new URL(page.url()).origin, server.base);
    assert.equal(new URL(page.url()).hash, '');
    assert.equal(routers[kind].logins.length, 1, 'it is not tried again');
    assertNoCode(page, voucher);
    await page.context().close();
  });

  test(`a refused guest comes back to the order, and a phone that was idle is logged in again, by ${kind}`, async () => {
    const page = await guest(browser, server);
    const router = routers[kind];
    await page.goto(`${router.base}/login`);
    await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
    const path = page.url().slice(server.base.length);
    const id = await order(page, { phone: freshPhone(), path });
    await server.decide(id, { decision: 'approve' });
    await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
    const bought = await codeOn(page);
    router.refusals.set(bought, 'no more sessions are allowed for user');

    await page.getByRole('link', { name: 'Unganisha sasa' }).click();
    await page.locator('#notice').waitFor();
    assert.ok(page.url().startsWith(`${server.base}/order/${id}?refused=`), page.url());
    assert.match(await page.locator('#notice').innerText(), /Simu nyingine zinatumia vocha hii/);
    assert.equal(router.logins.length, 1);

    router.refusals.clear();
    router.accepted.add(bought);
    await page.getByRole('link', { name: 'Unganisha sasa' }).click();
    await loggedIn(page);
    await session(bought, router.mac);
    await page.goto(`${router.base}/login`);
    await loggedIn(page);
    assert.equal(router.logins.length, 3, 'by itself');

    await page.context().clearCookies({ name: 'malipo_tried' });
    router.refusals.set(bought, 'RADIUS server is not responding');
    await page.goto(`${router.base}/login`);
    await page.locator('#notice').waitFor();
    assert.match(await page.locator('#notice').innerText(), /haiwezi kukagua vocha/);
    assert.equal(router.logins.length, 4, 'a refused log-in is not repeated');
    await page.context().close();
  });
}

test('without scripts and with a challenge a guest is told what to do, and is sent nowhere', async () => {
  const page = await guest(browser, server, NO_SCRIPT);
  const { chap } = routers;
  await page.goto(`${chap.base}/login`);
  // Text selectors pass over what is in a noscript.
  await page.locator('noscript p').waitFor();
  await page.getByRole('button', { name: 'Nunua intaneti' }).click();
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
  await type(page, voucher);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await page.locator('noscript .hint').waitFor();

  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await atRouter(page).waitFor();
  assert.equal(page.url().split('#')[0], `${chap.base}/login`, 'the router\'s page has the field and stays');
  await type(page, voucher);
  await atRouter(page).click();
  await page.getByText('enable JavaScript').waitFor();

  assert.equal(await page.locator('#code').inputValue(), voucher);
  assert.equal(chap.logins.length, 1);
  await page.context().close();
});

test('without scripts a guest who has paid is logged in by PAP, and sees why not', async () => {
  const page = await guest(browser, server, NO_SCRIPT);
  const { pap } = routers;
  await page.goto(`${pap.base}/login`);
  await page.getByRole('button', { name: 'Nunua intaneti' }).click();
  await type(page, voucher);
  await page.getByRole('button', { name: 'Angalia' }).click();
  pap.refusals.set(voucher, 'The time of this voucher is over');

  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await page.getByText('The time of this voucher is over').waitFor();
  assert.equal(new URL(page.url()).origin, pap.base, 'no loop');
  await page.getByRole('button', { name: 'Nunua intaneti' }).click();
  await page.locator('#notice', { hasText: 'Wi-Fi haikukuruhusu kuingia' }).waitFor();
  assertNoCode(page, voucher);
  pap.refusals.clear();
  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await loggedIn(page);
  await page.context().close();
});

test('the link of the SMS has the button on the phone that came from the router', async () => {
  const page = await guest(browser, server);
  await page.goto(`${routers.pap.base}/login`);
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
  const id = await server.buy();
  await server.decide(id, { decision: 'approve' });
  await server.json(`/api/v1/customer-portal/payment/status/${id}?wait=30`);
  routers.pap.accepted.add(await server.code(id));

  await page.goto(await server.ownerLink(id));
  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await loggedIn(page);

  const stranger = await guest(browser, server);
  await stranger.goto(await server.ownerLink(id));
  await stranger.getByText('Jiunge na Wi-Fi, fungua ukurasa wowote').waitFor();
  await page.context().close();
  await stranger.context().close();
});

test('"Back" from the shop shows the router\'s page, which stays', async () => {
  const page = await guest(browser, server);
  await page.goto(`${routers.pap.base}/login`);
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();

  await page.goBack();

  await type(page, voucher);
  await atRouter(page).click();
  await loggedIn(page);
  await page.context().close();
});
