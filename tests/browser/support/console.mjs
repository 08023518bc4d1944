// Helpers for operators at the console.

import { guest } from './browser.mjs';
import { freshPhone } from './server.mjs';

/** The admin token of the configuration. */
export const TOKEN = 'operator-token-of-the-tests';

export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 860 };

/** Logs in with a token. */
export async function logIn(page, token) {
  await page.locator('#token').fill(token);
  await page.getByRole('button', { name: 'Use the token' }).click();
}

/** Logs in with a name, a password, and a code if the operator has an authenticator. */
export async function logInByName(page, name, password, code = '') {
  await page.locator('#name').fill(name);
  await page.locator('#password').fill(password);
  await page.locator('#code').fill(code);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Opens the console as an operator, in a new browser context. */
export async function operator(browser, server, { token = TOKEN, ...options } = {}) {
  const page = await guest(browser, server, { viewport: DESKTOP, locale: 'en-GB', ...options });
  await page.goto(server.url('/operator/login'));
  await logIn(page, token);
  await page.locator('main h1').waitFor();
  return page;
}

/** Adds a viewer and returns the token. */
export function viewer(server, name) {
  return server.command('operator', 'add', name, '--role', 'viewer');
}

/** Waits until an order has this status. */
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

/** A held order, for which too little was paid. */
export async function held(server) {
  const order = await server.buy();
  await server.decide(order, { decision: 'approve', amount: 500, tell_amount: true });
  return until(server, order, 'HELD');
}

export { freshPhone };
