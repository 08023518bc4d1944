// Debian's Chromium, and pages that record requests and errors.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

import { endWithTheFile } from './started.mjs';

/** The screen size that the portal is designed for. */
export const SMALL_PHONE = { width: 360, height: 640 };

export async function launch() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  endWithTheFile(() => browser.close());
  return browser;
}

/** Opens a page in a new browser context that records every request, error and policy violation. */
export async function guest(browser, server, options = {}) {
  const context = await browser.newContext({
    viewport: SMALL_PHONE, locale: 'sw-TZ', ...options,
  });
  context.setDefaultTimeout(Number(process.env.MALIPO_TEST_PATIENCE_MS ?? 60_000));
  const page = await context.newPage();
  const seen = { requests: [], errors: [], bytes: 0 };
  context.on('request', (request) => seen.requests.push(request.url()));
  page.on('console', (message) => {
    // A poll without a network is an error too; tests that cut the network allow it.
    if (message.type() === 'error') { seen.errors.push(message.text()); }
  });
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.seen = seen;
  page.server = server;
  return page;
}

/** Asserts that no request went to another origin, and that nothing was blocked or failed. */
export function assertClean(page, { allowed = [] } = {}) {
  const foreign = page.seen.requests.filter((url) => !url.startsWith(page.server.base + '/'));
  assert.deepEqual(foreign, [], 'requests to other origins');
  const errors = page.seen.errors.filter((text) => !allowed.some((part) => text.includes(part)));
  assert.deepEqual(errors, [], 'errors in the console');
}

/** Opens the shop, chooses a package and submits; ends on the order's page. */
export async function order(page, { name = 'Siku moja', phone, path = '/' } = {}) {
  await page.goto(page.server.url(path));
  await page.getByText(name, { exact: true }).click();
  await page.locator('#phone').fill(phone);
  await page.locator('button.go').click();
  await page.waitForURL(/\/order\//);
  return orderId(page);
}

/** The order id in the page's address. */
export function orderId(page) {
  return /\/order\/([0-9a-f-]{36})/.exec(page.url())[1];
}

/** The code on the page, as soon as it is shown. */
export async function code(page) {
  return (await page.locator('.code [aria-hidden]').innerText()).trim();
}

/** The HTML of the current page, also while the browser waits for the next one; a locator would wait
 * for that page. */
export async function onScreen(page) {
  const devtools = await page.context().newCDPSession(page);
  const { root } = await devtools.send('DOM.getDocument', { depth: 0 });
  const { outerHTML } = await devtools.send('DOM.getOuterHTML', { nodeId: root.nodeId });
  await devtools.detach();
  return outerHTML;
}
