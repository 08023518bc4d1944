// What follows the # of a link: a voucher on a printed card or from the router, or anything else. And what
// the router's page says of itself to the sites that it leads to.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { guest, launch } from './support/browser.mjs';
import { LoginPage } from './support/login-page.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const NO_SCRIPT = { javaScriptEnabled: false };

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

/** The code of a paid order. */
async function sold(at) {
  const id = await at.buy();
  await at.decide(id, { decision: 'approve' });
  await at.json(`/api/v1/customer-portal/payment/status/${id}?wait=30`);
  return at.code(id);
}

beforeEach(async () => { voucher = await sold(server); });

const loggedIn = (page) => page.getByRole('heading', { name: 'logged in' }).waitFor();
const type = (page, code) => page.locator('#code').fill(code);

/** No address of the portal that the page has opened has the code. */
function assertNoCode(page, code) {
  const opened = page.seen.requests.filter((url) => url.startsWith(server.base));
  assert.ok(opened.length > 0);
  assert.deepEqual(opened.filter((url) => new URL(url).href.split('#')[0].includes(code)), []);
}

test('the code after the # opens the voucher with a script, and reaches no address', async () => {
  const page = await guest(browser, server);
  await page.goto(server.url(`/voucher#${voucher}`));
  await page.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();
  assert.equal(page.url(), server.url('/voucher'));
  assertNoCode(page, voucher);
  await page.getByText('Jiunge na Wi-Fi, fungua ukurasa wowote').waitFor();

  const plain = await guest(browser, server, NO_SCRIPT);
  await plain.goto(server.url(`/voucher#${voucher}`));
  await type(plain, voucher);
  await plain.getByRole('button', { name: 'Angalia' }).click();
  await plain.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();
  await page.context().close();
  await plain.context().close();
});

test('what follows the # and is no code breaks neither page', async () => {
  const page = await guest(browser, server);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));

  for (const hash of ['#100%', '#code=%E0%A4%A', '#<b>K7QMX2PA']) {
    await page.goto('about:blank');
    await page.goto(server.url(`/voucher${hash}`));
    assert.equal(await page.locator('#code').inputValue(), '', hash);
    await page.goto(`${routers.pap.base}/login${hash.replace('#100', '#code=100')}`);
    await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
  }
  assert.deepEqual(errors, []);

  const half = [voucher.slice(0, 4).toLowerCase(), voucher.slice(4)];
  for (const spelling of [half.join('%20'), half.join(' '), half.join('-')]) {
    await page.goto('about:blank');
    await page.goto(server.url(`/voucher#${spelling}`));
    await page.getByRole('heading', { name: 'Vocha hii ni mpya' }).waitFor();
  }
  await page.context().close();
});

test('a scanned card leads to the only router, where the code logs in', async () => {
  for (const router of [routers.pap, routers.chap]) {
    const one = await Server.start({ portal: { login_hosts: router.host } });
    await router.installFile(one.base);
    const card = await sold(one);
    router.accepted.add(card);
    const page = await guest(browser, one);

    await page.goto(one.url(`/voucher#${card}`));
    await page.getByText('Jiunge na Wi-Fi, fungua ukurasa wowote').waitFor();
    await page.getByRole('link', { name: 'Unganisha sasa' }).click();
    await loggedIn(page);

    assert.equal(router.logins.length, 1);
    assert.equal(router.logins[0].username, card);
    await page.context().close();
    await router.installFile(server.base);
  }
});

test('the router\'s page says nothing of itself to the sites that it leads to', async () => {
  const page = await guest(browser, server, NO_SCRIPT);
  const sent = [];
  await page.goto(`${routers.pap.base}/login?x=${voucher}`);
  page.on('request', (request) => sent.push(request.allHeaders()));

  await page.getByRole('button', { name: 'Nunua intaneti' }).click();
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();

  for (const headers of await Promise.all(sent)) {
    assert.ok(!(headers.referer ?? '').includes(routers.pap.host), headers.referer);
  }
  await page.context().close();
});
