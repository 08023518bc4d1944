// The console: live numbers, search, timeline and actions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, guest, launch } from './support/browser.mjs';
import { TOKEN, freshPhone, held, operator, sold, until } from './support/console.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

test('live numbers move while a drill runs, without a reload', async () => {
  const own = await Server.start();
  const page = await operator(browser, own);
  const shown = async (pointer) => Number(
    (await page.locator(`[data-at="${pointer}"]`).first().innerText()).replaceAll(',', ''));
  assert.equal(await shown('/webhooks/completed'), 0);
  await page.evaluate(() => { window.sameDocument = true; });

  await own.command('drill', '--url', own.base, '--token', TOKEN, '--orders', '30', '--copies', '3');

  await page.waitForFunction(() =>
    Number(document.querySelector('[data-at="/webhooks/completed"]').textContent) >= 30);
  assert.ok(await shown('/webhooks/duplicate') > 0, 'copies are counted');
  assert.ok(await shown('/status_actor/waiters') >= 0);
  await page.locator('#rows a').first().waitFor();
  const lines = await page.locator('.chart path').evaluateAll((paths) =>
    paths.filter((path) => (path.getAttribute('d') ?? '').length > 20).length);
  assert.ok(lines >= 6, `${lines} lines are drawn`);
  assert.match(await page.locator('.chart .peak').first().innerText(), /peak [0-9.]+\/s/);
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'no reload');
  // A click opens the order.
  await page.locator('#rows a').first().click();
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  assertClean(page);
  await page.context().close();
  await own.stop();
});

test('a page that is opened later has the last minutes at once', async () => {
  await sold(server);
  const page = await operator(browser, server);
  // Without waitForFunction, for which any promise is truthy.
  const points = () => page.evaluate(async () => {
    const text = await (await fetch('/operator')).text();
    const page = new DOMParser().parseFromString(text, 'text/html');
    return JSON.parse(page.querySelector('#history').textContent).length;
  });
  while (await points() < 2) { await page.waitForTimeout(200); }
  await page.reload();
  assert.match(await page.locator('.chart path').nth(4).getAttribute('d'), /^M.+L/);
  await page.context().close();
});

test('one box finds an order by phone, id, code and reference', async () => {
  const phone = freshPhone();
  const order = await sold(server, { phoneNumber: phone });
  const page = await operator(browser, server);
  const reference = (await server.json(`/api/v1/operator/orders?q=${order.order_id}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })).orders[0].reference;

  const ref = order.order_id.slice(0, 8);
  for (const typed of [phone, order.order_id, ref, order.voucher_code.toLowerCase(), reference]) {
    await page.goto(server.url('/operator'));
    await page.locator('#find').fill(typed);
    await page.locator('#find').press('Enter');
    await page.waitForURL(`**/operator/orders/${ref}`);
  }

  // A second order of the same phone: the search shows a list, with masked data.
  const other = await sold(server, { phoneNumber: phone });
  await page.locator('#find').fill(phone);
  await page.locator('#find').press('Enter');
  await page.locator('.list a').nth(1).waitFor();
  const list = await page.locator('.list').innerText();
  assert.ok(!list.includes(other.voucher_code) && !list.includes(phone.slice(1)), list);
  await page.goto(server.url('/operator/orders?q=%00'));
  await page.getByText('Cannot search').waitFor();
  assertClean(page, { allowed: ['422'] });
  await page.context().close();
});

test('the timeline shows every step, its time and the milliseconds since the step before', async () => {
  const order = await sold(server);
  const page = await operator(browser, server);
  await page.goto(server.url(`/operator/orders/${order.order_id}`));

  const steps = await page.locator('.step').evaluateAll((lines) => lines.map((line) => ({
    time: line.querySelector('time').textContent,
    iso: line.querySelector('time').dateTime,
    after: line.querySelector('.after').textContent,
    kind: line.querySelector('.kind').textContent,
  })));

  const kinds = steps.map(({ kind }) => kind);
  for (const kind of ['created', 'push', 'delivery', 'commit', 'radius', 'sms']) {
    assert.ok(kinds.includes(kind), `${kind} in ${kinds}`);
  }
  assert.ok(steps.every(({ time }) => /^\d\d:\d\d:\d\d\.\d{3}$/.test(time)));
  assert.equal(steps[0].after, '');
  steps.slice(1).forEach((step, at) => {
    const passed = Date.parse(step.iso) - Date.parse(steps[at].iso);
    // The database stores fractions of milliseconds, which the page truncates.
    const shown = Number(/^\+([0-9,]+) ms$/.exec(step.after)[1].replaceAll(',', ''));
    assert.ok(Math.abs(shown - passed) <= 1, `${step.after} and ${passed}`);
  });
  assert.match(await page.locator('.facts').innerText(), new RegExp(order.voucher_code));
  assertClean(page);
  await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`an admin records a refund ${javaScriptEnabled ? 'with' : 'without'} scripts`, async () => {
    const order = await sold(server);
    const page = await operator(browser, server, { javaScriptEnabled });
    await page.goto(server.url(`/operator/orders/${order.order_id}`));
    await page.getByRole('link', { name: 'Record a refund' }).click();
    await page.getByText('No money is moved').waitFor();

    await page.locator('#reason').fill('the router was down');
    await page.locator('#method').fill('cash');
    await page.getByRole('button', { name: 'Record a refund' }).click();

    await page.getByText('The refund is recorded').waitFor();
    assert.equal(new URL(page.url()).pathname, `/operator/orders/${order.order_id}`);
    assert.match(await page.locator('h1').innerText(), /REFUNDED/);
    assert.match(await page.locator('.timeline').innerText(), /bootstrap: refund.*the router was down.*method: cash/);
    assert.equal((await server.status(order.order_id)).payment_status, 'REFUNDED');
    assertClean(page);
    await page.context().close();
  });
}

test('an admin completes a held order, and the guest has the code', async () => {
  const order = await held(server);
  const page = await operator(browser, server);
  await page.getByText('held: they are paid, and an admin must decide').waitFor();
  await page.goto(server.url(`/operator/orders/${order.order_id}/release`));
  // Both the browser and the server require a reason.
  await page.evaluate(() => { document.querySelector('#reason').required = false; });
  await page.getByRole('button', { name: 'Complete the order' }).click();
  await page.getByText('Not done: reason is missing').waitFor();

  await page.locator('#reason').fill('paid the rest in cash');
  await page.getByRole('button', { name: 'Complete the order' }).click();

  await page.getByText('The order is completed').waitFor();
  assert.ok((await server.status(order.order_id)).voucher_code);
  // The other decision is no longer possible.
  await page.goto(server.url(`/operator/orders/${order.order_id}/refuse`));
  await page.locator('#reason').fill('changed my mind');
  await page.getByRole('button', { name: 'Refuse the order' }).click();
  await page.getByText('Not done: the order is COMPLETED').waitFor();
  assertClean(page, { allowed: ['409', '422'] });
  await page.context().close();
});

test('a status check finds a lost webhook, and a webhook is replayed', async () => {
  const order = await server.buy();
  await server.decide(order, { decision: 'approve', deliver: false });
  const page = await operator(browser, server);
  await page.goto(server.url(`/operator/orders/${order}`));
  await page.getByRole('link', { name: 'Ask ZenoPay' }).click();
  await page.getByRole('button', { name: 'Ask ZenoPay' }).click();
  await page.getByText('ZenoPay was asked').waitFor();
  await until(server, order, 'COMPLETED');

  const delivered = await sold(server);
  await page.goto(server.url(`/operator/orders/${delivered.order_id}`));
  await page.getByRole('link', { name: 'Replay' }).first().click();
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('The webhook was replayed').waitFor();
  assert.match(await page.locator('.timeline').innerText(), /replay says COMPLETED.*duplicate/);
  assertClean(page);
  await page.context().close();
});

test('an SMS is sent again after a confirmation', async () => {
  const order = await sold(server);
  const page = await operator(browser, server);
  await page.goto(server.url(`/operator/orders/${order.order_id}`));
  await page.getByRole('link', { name: 'Send the SMS again' }).click();
  await page.getByText('The same text is sent').waitFor();

  await page.getByRole('button', { name: 'Send the SMS again' }).click();

  await page.getByText('The SMS is queued again').waitFor();
  assert.match(await page.locator('.timeline').innerText(), /bootstrap: resend sms \d+/);
  assertClean(page);
  await page.context().close();
});

test('the journal has filters, and an admin reads a body as it was sent', async () => {
  const order = await sold(server);
  const page = await operator(browser, server);
  await page.goto(server.url('/operator/deliveries'));
  await page.locator('#outcome').selectOption('completed');
  await page.locator('#order_id').fill(order.order_id);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL(/outcome=completed/);

  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.locator('tbody a').first().click();

  const body = JSON.parse(await page.locator('pre.body').innerText());
  assert.equal(body.order_id, order.order_id);
  assertClean(page);
  await page.context().close();
});

test('every open page shows what is wrong', async () => {
  const own = await Server.start();
  const page = await operator(browser, own);
  await page.goto(own.url('/operator/orders'));
  await page.getByText('All is well').waitFor();

  await held(own);
  await page.getByText('1 order is held').waitFor();
  await own.halt();

  await page.getByText('The server does not answer').waitFor();
  await page.context().close();
  await own.stop();
});
