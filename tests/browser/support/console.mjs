// Operators at the console.

import { guest } from './browser.mjs';
import { freshPhone } from './server.mjs';

/** The token of the configuration: an admin's. */
export const TOKEN = 'operator-token-of-the-tests';

export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 860 };

/** Types a token into the log-in. */
export async function logIn(page, token) {
  await page.locator('#token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** An operator with a browser of their own, at the console. */
export async function operator(browser, server, { token = TOKEN, ...options } = {}) {
  const page = await guest(browser, server, { viewport: DESKTOP, locale: 'en-GB', ...options });
  await page.goto(server.url('/operator/login'));
  await logIn(page, token);
  await page.locator('main h1').waitFor();
  return page;
}

/** Takes a viewer on. */
export function viewer(server, name) {
  return server.command('operator', 'add', name, '--role', 'viewer');
}

/** Waits until an order stands there. */
export async function until(server, order, status) {
  for (;;) {
    const now = await server.status(order);
    if (now.payment_status === status) { return now; }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A sold order, as its status document. */
export async function sold(server, changes = {}) {
  const order = await server.buy(changes);
  await server.decide(order, { decision: 'approve' });
  return until(server, order, 'COMPLETED');
}

/** An order whose money does not fit. */
export async function held(server) {
  const order = await server.buy();
  await server.decide(order, { decision: 'approve', amount: 500, tell_amount: true });
  return until(server, order, 'HELD');
}

export { freshPhone };
