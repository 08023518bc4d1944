// Slow phones, lost networks, restarts, and late payments.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, code, guest, launch, order } from './support/browser.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';
import { expired } from './support/states.mjs';

let browser;

before(async () => { browser = await launch(); });
after(endAll);

/** A server for one test. */
async function withServer(changes, work) {
  const server = await Server.start(changes);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

test('a guest on a low-end phone and a slow radio link buys', () => withServer({}, async (server) => {
  const page = await guest(browser, server);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 6 });
  await devtools.send('Network.enable');
  // The values of "Slow 3G" in Chromium's developer tools.
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000,
  });

  const id = await order(page, { phone: freshPhone() });
  await server.decide(id, { decision: 'approve' });

  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  assert.equal(await code(page), (await server.status(id)).voucher_code);
  assertClean(page);
  await page.context().close();
}));

test('a guest whose network is lost and comes back still gets the code', () => withServer({}, async (server) => {
  const page = await guest(browser, server);
  const id = await order(page, { phone: freshPhone() });
  await page.context().setOffline(true);
  // Requests in progress are cut as well, as on a phone.
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await server.decide(id, { decision: 'approve' });
  await page.context().setOffline(false);

  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();

  assert.equal(await code(page), (await server.status(id)).voucher_code);
  await page.context().close();
}));

test('a waiting guest sees that the server is away, and gets the code after its restart', () => withServer({}, async (server) => {
  const page = await guest(browser, server);
  const id = await order(page, { phone: freshPhone() });

  await server.halt();
  await page.locator('body.offline').waitFor();
  assert.match(await page.locator('.waiting').innerText(), /Mtandao umekatika/);
  await server.run();
  await server.decide(id, { decision: 'approve' });

  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  assert.equal(await code(page), (await server.status(id)).voucher_code);
  await page.context().close();
}));

test('an order that was not paid in time shows that, and a late payment still brings the code', async () => {
  const page = await guest(browser, { base: '' });
  const { server } = await expired(page);
  try {
    assert.equal(await page.locator('h1').innerText(), 'Muda wa kulipa umeisha');
    const id = /order\/([0-9a-f-]+)/.exec(page.url())[1];

    await server.decide(id, { decision: 'approve' });

    await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
    assertClean(page);
  } finally {
    await page.context().close();
    await server.stop();
  }
});

test('a guest who saw no prompt can have another one sent after the first has ended', () =>
  withServer({ portal: { resume_secs: 1, wait_max_secs: 2 } }, async (server) => {
    const page = await guest(browser, server);
    const first = await order(page, { phone: freshPhone() });

    await page.getByRole('button', { name: 'Tuma ombi tena' }).click();
    await page.waitForURL((url) => !url.pathname.includes(first));

    assert.equal((await server.payments()).length, 2);
    assertClean(page);
    await page.context().close();
  }));

for (const kind of ['order', 'state']) {
  test(`a guest without a free seat on the page of the ${kind} asks again after two seconds`, () =>
    withServer({ portal: { waiters_max: 1 } }, async (server) => {
      const [first, page] = await Promise.all([guest(browser, server), guest(browser, server)]);
      const parked = first.waitForRequest(/since=/);
      await order(first, { phone: freshPhone() });
      await parked;
      const [phone, mac] = [freshPhone(), 'aabbcc002202'];
      const id = await server.buy({ phoneNumber: phone, mac });
      const body = new URLSearchParams({ key: 'another-form', package: 'daily:2000', phone });
      const led = await fetch(server.url(`/buy?mac=${mac}`), { method: 'POST', body, redirect: 'manual' });
      const path = kind === 'state' ? led.headers.get('location') : `/order/${id}`;
      const asked = [];
      // By the browser's clock: this process may hear of a request late.
      page.on('response', (answer) => {
        if (answer.url().includes('since=')) { asked.push(answer.request().timing().startTime); }
      });

      await page.goto(server.url(path));
      while (asked.length < 3) { await page.waitForResponse(/since=/); }

      const pauses = [asked[1] - asked[0], asked[2] - asked[1]];
      assert.ok(Math.min(...pauses) >= 1_900, `${pauses} ms`);
      await Promise.all([first, page].map((one) => one.context().close()));
    }));
}

test('a guest who tries too often sees when to come back', () =>
  withServer({ limits: { prompts_per_phone: 1 }, portal: { resume_secs: 1 } }, async (server) => {
    const page = await guest(browser, server);
    const phone = freshPhone();
    const id = await order(page, { phone });
    await server.decide(id, { decision: 'decline' });
    await page.getByRole('heading', { name: 'Malipo hayakukamilika' }).waitFor();

    await page.getByRole('button', { name: 'Jaribu tena' }).click();

    await page.getByRole('heading', { name: 'Tafadhali subiri kidogo' }).waitFor();
    assert.match(await page.getByRole('alert').innerText(), /baada ya dakika/);
    assert.equal(await page.locator('#phone').inputValue(), '', 'the link does not contain the number');
    assertClean(page, { allowed: ['429'] });
    await page.context().close();
  }));
