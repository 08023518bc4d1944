// The sandbox's simulated phone, in a second tab.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, guest, launch, order } from './support/browser.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

test('a prompt appears on the phone by itself, and a tap there pays the order', async () => {
  const shop = await guest(browser, server);
  const phone = await shop.context().newPage();
  await phone.goto(server.url('/sandbox'));
  await phone.getByText('Hakuna ombi kwa sasa').waitFor();

  await order(shop, { phone: freshPhone() });
  await phone.getByRole('heading', { name: 'Lipa TSh 2,000 kwa Pwani Wi-Fi' }).waitFor();
  await phone.getByRole('button', { name: 'Kubali na ulipe' }).click();

  await shop.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  await phone.getByText('COMPLETED').waitFor();
  assertClean(shop);
  await shop.context().close();
});

for (const [button, said] of [
  ['PIN si sahihi', 'PIN haikuwa sahihi'],
  ['Salio halitoshi', 'Salio halitoshi'],
  ['Kataa', 'Ombi lilikataliwa kwenye simu'],
]) {
  test(`the guest sees the reason when the subscriber presses "${button}"`, async () => {
    const shop = await guest(browser, server);
    const phone = await shop.context().newPage();
    await order(shop, { phone: freshPhone() });

    await phone.goto(server.url('/sandbox'));
    await phone.getByRole('button', { name: button, exact: true }).first().click();

    await shop.locator('.lead', { hasText: said }).waitFor();
    await shop.context().close();
  });
}

test('the switches are stored and make the simulated ZenoPay misbehave', async () => {
  const page = await guest(browser, server);
  await page.goto(server.url('/sandbox'));
  await page.locator('#decision').selectOption('hand');
  await page.locator('#copies').fill('3');
  await page.locator('#delay').fill('20');
  await page.getByLabel('mpangilio mbaya').check();
  await page.getByRole('button', { name: 'Hifadhi' }).click();
  await page.waitForLoadState();

  const id = await server.buy();
  await server.decide(id, { decision: 'approve' });
  await page.goto(server.url('/sandbox'));

  assert.equal(await page.locator('#copies').inputValue(), '3');
  const [payment] = await server.payments();
  assert.equal(payment.webhooks_planned, 4, 'three copies and a late PENDING');
  await server.post('/sandbox/behaviour', {});
  await page.context().close();
});
