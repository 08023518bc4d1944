// What guests do behind a router, step by step; each step ends when the guest sees its result.

import assert from 'node:assert/strict';

import { code as codeOn, orderId } from './browser.mjs';
import { shot } from './hotspot.mjs';
import { freshPhone } from './server.mjs';

/** Opens any site, which leads to the shop; without scripts by the button of the router's page. */
export async function shop(page) {
  await page.goto('http://news.test/');
  if (!page.hasScripts) { await page.getByRole('button', { name: 'Nunua intaneti' }).click(); }
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
}

/** Buys in the shop that is open; ends on the order's page with the code. */
export async function buy(page, server, pictures) {
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(freshPhone());
  await page.locator('button.go').click();
  await page.waitForURL(/\/order\//);
  const order = orderId(page);
  if (pictures) { await shot(page, `${pictures}-pay`); }
  await server.decide(order, { decision: 'approve' });
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();
  if (pictures) { await shot(page, `${pictures}-voucher`); }
  return { order, code: await codeOn(page) };
}

/** Presses the button that logs in; `byHand`: the router's page stays, and the guest types the code there. */
export async function connect(page, code, { byHand = false } = {}) {
  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  if (byHand) {
    await page.waitForURL(/wifi\.test\/login/);
    await page.locator('#code').fill(code);
    await page.getByRole('button', { name: 'Unganisha' }).click();
  }
  await page.waitForURL(/news\.test|wifi\.test\/status/);
}

/** A site of the Internet, which only a guest on-line reaches. */
export async function openSite(page) {
  await page.goto('http://news.test/');
  await page.getByRole('heading', { name: 'The news' }).waitFor();
  assert.equal(page.url(), 'http://news.test/');
}

/** The voucher's day passes: for the router, which ends the session at its Session-Timeout, and in the database. */
export async function timeIsOver(server, router, code) {
  await router.hotspot.advance(86_400, { isUsed: true });
  const past = server.isPostgres ? "now() - INTERVAL '1 hour'" : "datetime('now', '-1 hour') || '+00:00'";
  await server.sql(`UPDATE vouchers SET expires_at = ${past} WHERE code = '${code}'`);
  await server.sql(`UPDATE radcheck SET value = '${Math.floor(Date.now() / 1000) - 3_600}'
    WHERE username = '${code}' AND attribute = 'Expiration'`);
}
