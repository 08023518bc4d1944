// The page that shows the API, under its Content-Security-Policy.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, guest, launch } from './support/browser.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  browser = await launch();
  server = await Server.start();
});
after(endAll);

test('the page of the API shows its routes and tries one, and the policy blocks nothing of it', async () => {
  const page = await guest(browser, server, { viewport: { width: 1280, height: 900 } });
  await page.goto(server.url('/docs/'));

  const route = page.locator('#operations-portal-packages');
  await route.locator('.opblock-summary-control').click();
  await route.getByRole('button', { name: 'Try it out' }).click();
  await route.getByRole('button', { name: 'Execute' }).click();
  await route.locator('.live-responses-table').getByText('half-day').first().waitFor();

  assertClean(page);
  // Injected text does not become code.
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.injected), undefined);
  await page.context().close();
});
