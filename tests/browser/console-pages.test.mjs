// Every page of the console has valid HTML, no serious faults for axe-core, no horizontal scrolling on a
// phone or a desktop, and nothing that the policy blocks.

import { after, before, test } from 'node:test';

import { assertClean, guest, launch } from './support/browser.mjs';
import { DESKTOP, PHONE, logIn, operator } from './support/console.mjs';
import { consoleStates } from './support/console-states.mjs';
import { assertAccessible, assertFits, assertPolicy, assertValid } from './support/judge.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.startPublic()]);
});
after(endAll);

const views = {
  'a phone': { viewport: PHONE, colorScheme: 'light' },
  'a desk': { viewport: DESKTOP, colorScheme: 'light' },
  'a desk at night': { viewport: DESKTOP, colorScheme: 'dark' },
};

/** Judges the page that is open in each view. */
async function judge(page, answer) {
  await assertValid(page, answer);
  assertPolicy(answer);
  for (const [where, { viewport, colorScheme }] of Object.entries(views)) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await assertFits(page, viewport.width, where);
    await assertAccessible(page, where);
  }
  assertClean(page, { allowed: ['Failed to load resource'] });
}

for (const [name, reach] of Object.entries(consoleStates)) {
  test(`${name} is valid, accessible and fits a phone and a desk, by day and at night`, async () => {
    const page = await operator(browser, server, { viewport: PHONE });
    await judge(page, await reach(page, server));
    await page.context().close();
  });
}

test('the log-in is valid, accessible and fits a phone and a desk, also when the token is wrong', async () => {
  const own = await Server.start();
  const page = await guest(browser, own, { viewport: PHONE });
  await judge(page, await page.goto(own.url('/operator/login')));

  const answered = page.waitForResponse((answer) => answer.status() === 401);
  await logIn(page, 'wrong');
  await page.getByRole('alert').waitFor();
  await judge(page, await answered);
  await page.context().close();
  await own.stop();
});
