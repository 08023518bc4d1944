// Debian's Chromium, and a page that notes what must not be there.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

import { endWithTheFile } from './started.mjs';

/** The phone that the portal is drawn for. */
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

/** A guest with a browser of their own, who notes every request, error and violation. */
export async function guest(browser, server, options = {}) {
  const context = await browser.newContext({
    viewport: SMALL_PHONE, locale: 'sw-TZ', ...options,
  });
  context.setDefaultTimeout(Number(process.env.MALIPO_TEST_PATIENCE_MS ?? 60_000));
  const page = await context.newPage();
  const seen = { requests: [], errors: [], bytes: 0 };
  context.on('request', (request) => seen.requests.push(request.url()));
  page.on('console', (message) => {
    // A poll that meets a dead network is told to the console too; tests that cut it say so.
    if (message.type() === 'error') { seen.errors.push(message.text()); }
  });
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.seen = seen;
  page.server = server;
  return page;
}

/** Nothing went elsewhere, and nothing was blocked or broke. */
export function assertClean(page, { allowed = [] } = {}) {
  const strangers = page.seen.requests.filter((url) => !url.startsWith(page.server.base + '/'));
  assert.deepEqual(strangers, [], 'requests that left the origin');
  const errors = page.seen.errors.filter((text) => !allowed.some((part) => text.includes(part)));
  assert.deepEqual(errors, [], 'errors in the console');
}

/** Opens the shop, chooses and pays; leaves the guest on the order's page. */
export async function order(page, { name = 'Siku moja', phone, path = '/' } = {}) {
  await page.goto(page.server.url(path));
  await page.getByText(name, { exact: true }).click();
  await page.locator('#phone').fill(phone);
  await page.locator('button.go').click();
  await page.waitForURL(/\/order\//);
  return orderId(page);
}

/** The order that the page is about. */
export function orderId(page) {
  return /\/order\/([0-9a-f-]{36})/.exec(page.url())[1];
}

/** The code on the page, once it is there. */
export async function code(page) {
  return (await page.locator('.code [aria-hidden]').innerText()).trim();
}

/** The page's HTML as it stands on the screen, also while the next one is being held: a locator
 * would wait for that one. */
export async function onScreen(page) {
  const devtools = await page.context().newCDPSession(page);
  const { root } = await devtools.send('DOM.getDocument', { depth: 0 });
  const { outerHTML } = await devtools.send('DOM.getOuterHTML', { nodeId: root.nodeId });
  await devtools.detach();
  return outerHTML;
}
