// Every page for guests in each of its states. Each function opens the page and returns its response.

import assert from 'node:assert/strict';

import { Server, freshPhone } from './server.mjs';

const visit = (page, server, path) => page.goto(server.url(path));

/** Submits the shop's form with these fields, without the browser's validation. */
async function submit(page, server, { name = /Siku moja|One day/, phone }) {
  await visit(page, server, '/');
  await page.evaluate(() => { document.getElementById('buy').noValidate = true; });
  if (name) { await page.getByText(name).first().click(); }
  await page.locator('#phone').fill(phone);
  const answered = page.waitForResponse((answer) => answer.request().isNavigationRequest() &&
    answer.status() !== 303);
  await page.locator('#pay').click();
  return answered;
}

/** Opens an order for which the simulated subscriber has decided, as soon as its page shows it. */
async function decided(page, server, changes, tone) {
  const id = await server.buy();
  await server.decide(id, changes);
  const answer = await visit(page, server, `/order/${id}`);
  await page.locator(`main.${tone}`).waitFor();
  // The webhook may have arrived after the response.
  return (await answer.text()).includes(`order ${tone}`) ? answer : page.reload();
}

/** Creates a paid order. */
async function sold(server) {
  const id = await server.buy();
  await server.decide(id, { decision: 'approve' });
  await server.json(`/api/v1/customer-portal/payment/status/${id}?wait=30`);
  return id;
}

/** Presses "Wrong number?" on the page of an order; returns the address that follows. */
export async function letGo(server, order) {
  const pressed = await fetch(server.url(`/order/${order}/let-go`), { method: 'POST', redirect: 'manual' });
  assert.equal(pressed.status, 303);
  return server.url(pressed.headers.get('location'));
}

/** The parameters of a page that was opened from a router in `login_hosts`. */
const ROUTER = `link-login-only=${encodeURIComponent('http://router.test/login')}`;

/** Types a voucher on its page; returns the response. */
async function typed(page, server, code, query = '') {
  await visit(page, server, `/voucher${query}`);
  await page.locator('#code').fill(code);
  const answered = page.waitForResponse((answer) => answer.request().isNavigationRequest());
  await page.locator('button.go').click();
  return answered;
}

export const states = {
  'the shop': (page, server) => visit(page, server, '/'),
  'the shop, when the number is wrong': (page, server) => submit(page, server, { phone: '12345' }),
  'the shop, when nothing was chosen': (page, server) =>
    submit(page, server, { name: null, phone: freshPhone() }),
  'the shop, when the phone has a prompt': async (page, server) => {
    const phone = freshPhone();
    await server.buy({ phoneNumber: phone });
    return submit(page, server, { phone });
  },
  'the shop, when the router refused': (page, server) =>
    visit(page, server, `/?${ROUTER}&error=no+more+sessions+are+allowed`),
  'the page for a voucher': (page, server) => visit(page, server, '/voucher'),
  'a voucher that was typed': async (page, server) => typed(page, server, await server.code(await sold(server))),
  'a voucher whose router is known': async (page, server) =>
    typed(page, server, await server.code(await sold(server)), `?${ROUTER}&chap=1`),
  'a voucher that the router refused': async (page, server) =>
    typed(page, server, await server.code(await sold(server)), `?${ROUTER}&error=something`),
  'a voucher that has ended': async (page, server) => {
    const code = await server.code(await sold(server));
    await server.sql(`UPDATE vouchers SET expires_at = '2026-01-01 00:00:00+00:00' WHERE code = '${code}'`);
    return typed(page, server, code);
  },
  'an unknown voucher': (page, server) => typed(page, server, 'K7QM X2PZ'),
  'the shop, after a wrong number': async (page, server) => {
    const id = await server.buy({ packageId: 'weekly' });
    return page.goto(await letGo(server, id));
  },
  'a purchase that was given up': async (page, server) => {
    const id = await server.buy();
    await letGo(server, id);
    return visit(page, server, `/order/${id}`);
  },
  'the waiting page': async (page, server) => visit(page, server, `/order/${await server.buy()}`),
  'the code': (page, server) => decided(page, server, { decision: 'approve' }, 'good'),
  'the code, by the link in the SMS': async (page, server) =>
    page.goto(await server.ownerLink(await sold(server))),
  'the page before a voucher is replaced': async (page, server) =>
    page.goto(`${await server.ownerLink(await sold(server))}/reissue`),
  'a voucher that was replaced': async (page, server) => {
    const id = await sold(server);
    const { version } = await server.status(id);
    await fetch(`${await server.ownerLink(id)}/reissue`, {
      method: 'POST', body: new URLSearchParams({ seen: version }), redirect: 'manual',
    });
    return visit(page, server, `/order/${id}`);
  },
  'a failed payment': (page, server) =>
    decided(page, server, { decision: 'decline', word: 'INVALID_PIN' }, 'bad'),
  'a cancelled payment': (page, server) => decided(page, server, { decision: 'cancel' }, 'bad'),
  'a held payment': async (page, server) => {
    const id = await server.buy();
    await server.decide(id, { decision: 'approve', amount: 500, tell_amount: true });
    for (;;) {
      if ((await server.status(id)).payment_status === 'HELD') { break; }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return visit(page, server, `/order/${id}`);
  },
  'a refused push': async (page, server) => {
    await server.post('/sandbox/behaviour', { push: 'refuse' });
    const answer = await submit(page, server, { phone: freshPhone() });
    await server.post('/sandbox/behaviour', {});
    assert.equal(await page.locator('main.bad').count(), 1);
    return answer;
  },
  'the page for guests who have paid': (page, server) => visit(page, server, '/paid'),
  'an unknown order': (page, server) =>
    visit(page, server, '/order/00000000-0000-4000-8000-000000000000'),
  'an unknown page': (page, server) => visit(page, server, '/kuponi'),
  "the sandbox's phone": async (page, server) => {
    const paid = await server.buy();
    await server.decide(paid, { decision: 'approve' });
    await server.json(`/api/v1/customer-portal/payment/status/${paid}?wait=30`);
    await server.buy({ packageId: 'weekly' });
    return visit(page, server, '/sandbox');
  },
};

/** Starts a server on which unpaid orders expire after a second, and opens an expired order. */
export async function expired(page) {
  const server = await Server.start({ orders: { expire_after_secs: 1 } });
  const id = await server.buy();
  await server.json(`/api/v1/customer-portal/payment/status/${id}?wait=50&since=1`);
  page.server = server;
  return { server, answer: await visit(page, server, `/order/${id}`) };
}
