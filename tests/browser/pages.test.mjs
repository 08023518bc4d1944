// Every page for guests, in each of its states, has valid HTML, no serious faults for axe-core, no
// horizontal scrolling at 320 pixels, nothing that the policy blocks, and a small size.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, guest, launch } from './support/browser.mjs';
import { assertAccessible, assertFits, assertPolicy, assertValid } from './support/judge.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';
import { states } from './support/states.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([
    launch(), Server.start({ portal: { login_hosts: 'router.test' } }),
  ]);
});
after(endAll);

for (const [name, reach] of Object.entries(states)) {
  for (const language of ['sw', 'en']) {
    test(`${name} in ${language} is valid, accessible and fits a small phone`, async () => {
      const page = await guest(browser, server, {
        viewport: { width: 320, height: 568 }, locale: language,
      });

      const answer = await reach(page, server);

      await assertValid(page, answer);
      assert.equal(await page.locator('html').getAttribute('lang'), language);
      await assertFits(page, 320);
      await assertAccessible(page);
      assertPolicy(answer);
      assertClean(page, { allowed: ['Failed to load resource'] });
      await page.context().close();
    });
  }
}

test('the first view is less than 9 KB in total', async () => {
  const page = await guest(browser, server);
  const sizes = [];
  page.on('requestfinished', (request) => sizes.push(request.sizes()));

  await page.goto(server.url('/'), { waitUntil: 'networkidle' });

  const all = await Promise.all(sizes);
  const bytes = all.reduce((sum, size) => sum + size.responseBodySize + size.responseHeadersSize, 0);
  assert.ok(all.length >= 3, 'page, style and script were counted');
  assert.ok(bytes < 9_000, `${bytes} bytes`);
  assertClean(page);
  await page.context().close();
});

test('a tap changes the language, also of all later pages', async () => {
  const page = await guest(browser, server);
  await page.goto(server.url('/'));
  await page.getByRole('link', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'Buy Internet' }).waitFor();

  await page.getByText('One day', { exact: true }).click();
  await page.locator('#phone').fill('0712345600');
  await page.getByRole('button', { name: 'Pay TSh 2,000' }).click();
  await page.getByRole('heading', { name: 'Look at your phone' }).waitFor();
  await page.getByRole('link', { name: 'Kiswahili' }).click();

  await page.getByRole('heading', { name: 'Angalia simu yako' }).waitFor();
  assertClean(page);
  await page.context().close();
});

test('a browser that prefers English gets English, and any other gets Swahili', async () => {
  for (const [locale, heading] of [['en-GB', 'Buy Internet'], ['fr-FR', 'Nunua intaneti']]) {
    const page = await guest(browser, server, { locale });
    await page.goto(server.url('/'));
    assert.equal(await page.locator('h1').innerText(), heading);
    await page.context().close();
  }
});

test('the whole purchase works from the keyboard', async () => {
  const page = await guest(browser, server);
  await page.goto(server.url('/'));
  const press = async (...keys) => { for (const key of keys) { await page.keyboard.press(key); } };
  const until = async (selector) => {
    for (let tabs = 0; tabs < 20; tabs += 1) {
      await press('Tab');
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) { return; }
    }
    assert.fail(`${selector} cannot be reached with the Tab key`);
  };

  await until('[name=package]');
  await press('Space', 'ArrowDown');
  await until('#phone');
  await page.keyboard.type('0712345601');
  await until('button.go');
  await press('Enter');

  await page.waitForURL(/\/order\//);
  assert.match(await page.locator('.lead').innerText(), /TSh 2,000 kwa 0712 … 601/);
  await page.context().close();
});

test('a screen reader gets an announcement when the waiting guest has paid', async () => {
  const page = await guest(browser, server);
  await states['the waiting page'](page, server);
  assert.equal(await page.locator('[role=status]').innerText(), '');

  const id = /order\/([0-9a-f-]+)/.exec(page.url())[1];
  await server.decide(id, { decision: 'approve' });
  await page.getByRole('heading', { name: 'Umelipa. Karibu!' }).waitFor();

  assert.match(await page.locator('[role=status]').textContent(), /^Umelipa\. Karibu!/);
  assert.match(await page.title(), /^Umelipa/);
  await page.context().close();
});
