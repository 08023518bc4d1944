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

async function judge(page, answer, viewport) {
  await assertValid(page, answer);
  await assertFits(page, viewport.width);
  await assertAccessible(page);
  assertPolicy(answer);
  assertClean(page, { allowed: ['Failed to load resource'] });
}

const views = [
  ['a phone', { viewport: PHONE }],
  ['a desk', { viewport: DESKTOP }],
  ['a desk at night', { viewport: DESKTOP, colorScheme: 'dark' }],
];

for (const [name, reach] of Object.entries(consoleStates)) {
  for (const [where, options] of views) {
    test(`${name} is valid, accessible and fits ${where}`, async () => {
      const page = await operator(browser, server, options);
      await judge(page, await reach(page, server), options.viewport);
      await page.context().close();
    });
  }
}

for (const [where, options] of views) {
  test(`the log-in is valid, accessible and fits ${where}, also when the token is wrong`, async () => {
    const own = await Server.start();
    const page = await guest(browser, own, options);
    await judge(page, await page.goto(own.url('/operator/login')), options.viewport);

    const answered = page.waitForResponse((answer) => answer.status() === 401);
    await logIn(page, 'wrong');
    await page.getByRole('alert').waitFor();
    await judge(page, await answered, options.viewport);
    await page.context().close();
    await own.stop();
  });
}
