// A guest buys: with and without scripts, with a closed browser, without money, with two presses.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, code, guest, launch, onScreen, order, orderId } from './support/browser.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a guest buys a day in Swahili, ${how}`, async () => {
    const page = await guest(browser, server, { javaScriptEnabled });

    const id = await order(page, { phone: '0712 345 678' });

    const waiting = await onScreen(page);
    assert.match(waiting, /<html lang="sw"/);
    assert.match(waiting, /<h1>Angalia simu yako<\/h1>/);
    assert.match(waiting, /TSh 2,000 kwa 0712 … 678/);

    await server.decide(id, { decision: 'approve' });
    await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();

    assert.equal(await code(page), (await server.status(id)).voucher_code);
    assert.equal(orderId(page), id);
    assertClean(page);
    await page.context().close();
  });
}

test('a guest who closes the browser while waiting returns to the same order', async () => {
  const first = await guest(browser, server);
  const id = await order(first, { phone: freshPhone() });
  const link = first.url();
  await first.context().close();
  await server.decide(id, { decision: 'approve' });

  const again = await guest(browser, server);
  await again.goto(link);

  await again.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  assert.equal(await code(again), (await server.status(id)).voucher_code);
  await again.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a guest without money sees the reason and tries again, ${how}`, async () => {
    const page = await guest(browser, server, { javaScriptEnabled });
    const refused = await order(page, { phone: freshPhone() });

    await server.decide(refused, { decision: 'decline', word: 'INSUFFICIENT_BALANCE' });
    await page.getByRole('heading', { name: 'Malipo hayakukamilika' }).waitFor();
    assert.match(await page.locator('.lead').innerText(), /Salio halitoshi/);

    await page.getByRole('button', { name: 'Jaribu tena' }).click();
    await page.waitForURL((url) => !url.pathname.includes(refused));
    const id = orderId(page);
    await server.decide(id, { decision: 'approve' });

    await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
    assert.equal(await code(page), (await server.status(id)).voucher_code);
    assertClean(page);
    await page.context().close();
  });
}

test('two presses and a reload make one order', async () => {
  const page = await guest(browser, server);
  const phone = freshPhone();
  const before = (await server.payments()).length;
  await page.goto(server.url('/'));
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(phone);

  await page.locator('button.go').dblclick();
  await page.waitForURL(/\/order\//);
  const id = orderId(page);
  await page.reload();
  await page.goBack();
  await page.locator('#phone').fill(phone);
  await page.getByText('Siku moja', { exact: true }).click();

  // The phone with the open prompt gets no second one, whatever the form still contains.
  await page.locator('button.go').click();
  await page.locator('h1').waitFor();

  const made = (await server.payments()).slice(0, -before || undefined);
  assert.deepEqual(made.map((payment) => payment.order_id), [id]);
  await page.context().close();
});

test('the same form sent twice at the same moment makes one order', async () => {
  const page = await guest(browser, server, { javaScriptEnabled: false });
  await page.goto(server.url('/'));
  const key = await page.locator('[name=key]').getAttribute('value');
  const body = new URLSearchParams({ key, package: 'daily:2000', phone: freshPhone() });
  const send = () => fetch(server.url('/buy'), { method: 'POST', body, redirect: 'manual' });

  const answers = await Promise.all([send(), send(), send()]);

  const places = new Set(answers.map((answer) => answer.headers.get('location')));
  assert.deepEqual(answers.map((answer) => answer.status), [303, 303, 303]);
  assert.equal(places.size, 1);
  await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a guest moves to another phone and has one new code, ${how}`, async () => {
    const first = await guest(browser, server);
    const id = await order(first, { phone: freshPhone() });
    await server.decide(id, { decision: 'approve' });
    await first.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
    const old = await code(first);
    const { version, expires_at: ends } = await server.status(id);

    const page = await guest(browser, server, { javaScriptEnabled });
    const link = await server.ownerLink(id);
    await page.goto(link);
    assert.equal(await code(page), old);
    await page.getByRole('link', { name: 'Badilisha vocha hii' }).click();
    await page.getByRole('button', { name: 'Ndiyo, nipe vocha mpya' }).dblclick();
    await page.locator('.code', { hasNotText: old }).waitFor();

    const now = await server.status(id);
    assert.deepEqual([now.voucher_code, now.code_replaced], [null, true]);
    assert.notEqual(await code(page), old);
    assert.deepEqual([now.version, now.expires_at], [version + 1, ends]);
    assert.equal(page.url(), link);
    assertClean(page);
    // The browser that bought has only the order id, and no longer sees a code.
    await first.reload();
    await first.getByRole('heading', { name: 'Vocha hii ina namba mpya' }).waitFor();
    assert.equal(await first.locator('.code').count(), 0);
    await Promise.all([first, page].map((one) => one.context().close()));
  });
}
