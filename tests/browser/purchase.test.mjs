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

for (const javaScriptEnabled of [true, false]) {
  for (const hasCookies of [true, false]) {
    const how = `${javaScriptEnabled ? 'with' : 'without'} scripts, ${hasCookies ? 'with' : 'without'} cookies`;

    test(`pay, Back and pay again is one order until it has ended unpaid, ${how}`, async () => {
      const page = await guest(browser, server, { javaScriptEnabled });
      const key = () => page.locator('[name=key]').getAttribute('value');
      const phone = freshPhone();
      const payAgain = async (before) => {
        if (!hasCookies) { await page.context().clearCookies(); }
        await page.goBack();
        await page.getByText('Siku moja', { exact: true }).click();
        await page.locator('#phone').fill(phone);
        assert.equal(await key(), before);
        await page.locator('button.go').click();
        await page.waitForURL(/\/order\//);
        return orderId(page);
      };
      await page.goto(server.url('/'));
      const first = await key();
      await page.getByText('Siku moja', { exact: true }).click();
      await page.locator('#phone').fill(phone);
      await page.locator('button.go').click();
      await page.waitForURL(/\/order\//);
      const id = orderId(page);

      assert.equal(await payAgain(first), id);

      await server.sql(`UPDATE payments SET created_at = '2020-01-01T00:00:00+00:00'
        WHERE order_id = x'${id.replaceAll('-', '')}'`);
      await server.decide(id, { decision: 'decline' });
      await page.getByRole('heading', { name: 'Malipo hayakukamilika' }).waitFor();
      const next = await payAgain(first);
      assert.notEqual(next, id);
      assert.equal((await server.payments()).filter((it) => it.buyer_phone === `255${phone.slice(1)}`).length, 2);
      assertClean(page);
      await page.context().close();
    });
  }
}

test('a second tab of the same browser is led to the order', async () => {
  const page = await guest(browser, server);
  const phone = freshPhone();
  const id = await order(page, { phone });

  const tab = await page.context().newPage();
  tab.server = server;
  assert.equal(await order(tab, { phone }), id);
  await page.context().close();
});

test('another browser on the same device sees the state, and no code', async () => {
  const mac = '/?mac=AA%3ABB%3ACC%3A00%3A22%3A01';
  const page = await guest(browser, server);
  const phone = freshPhone();
  const id = await order(page, { phone, path: mac });
  await page.context().close();

  const other = await guest(browser, server);
  await other.goto(server.url(mac));
  await other.getByText('Siku moja', { exact: true }).click();
  await other.locator('#phone').fill(phone);
  await other.locator('button.go').click();
  await other.waitForURL(/\/state\//);
  await server.decide(id, { decision: 'approve' });
  await other.getByRole('heading', { name: 'Malipo yamepokelewa' }).waitFor();

  const { voucher_code: code } = await server.status(id);
  const shown = (await other.content()) + other.url();
  assert.ok(code && !shown.includes(code) && !shown.includes(id), shown);
  assertClean(other);
  await other.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a guest with a wrong number starts again, and late money still brings the code, ${how}`, async () => {
    const page = await guest(browser, server, { javaScriptEnabled });
    const wrong = await order(page, { name: 'Wiki moja', phone: freshPhone() });
    const link = page.url();

    await page.getByRole('button', { name: 'Umekosea namba?' }).click();
    await page.waitForURL(/\/\?package=weekly/);
    assert.equal(await page.locator('[name=package]:checked').getAttribute('value'), 'weekly:10000');
    await page.locator('#phone').fill(freshPhone());
    await page.locator('button.go').click();
    await page.waitForURL(/\/order\//);
    const right = orderId(page);

    assert.notEqual(right, wrong);
    assert.equal((await server.status(wrong)).payment_status, 'CANCELLED');
    await server.decide(right, { decision: 'approve' });
    await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
    await server.decide(wrong, { decision: 'approve' });
    await server.json(`/api/v1/customer-portal/payment/status/${wrong}?since=2&wait=30`);
    await page.goto(link);
    assert.equal(await code(page), (await server.status(wrong)).voucher_code);
    assertClean(page);
    await page.context().close();
  });
}

test('a number that was pasted from an address book is understood', async () => {
  const page = await guest(browser, server);
  await page.goto(server.url('/'));
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').focus();
  await page.keyboard.insertText('\u202a+255 (0) 712 \u2013 345 \u2013 679\u202c');
  await page.locator('button.go').click();

  await page.waitForURL(/\/order\//);
  assert.match(await page.locator('.lead').innerText(), /0712 … 679/);
  assertClean(page);
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
