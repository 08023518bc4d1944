// A printed card, typed in five spellings into the portal and into the router's own page: a real FreeRADIUS
// lets the guest in, on both databases, by PAP without scripts and by CHAP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { guest, launch } from './support/browser.mjs';
import { operator } from './support/console.mjs';
import { printed } from './support/console-states.mjs';
import { FreeRadius } from './support/freeradius.mjs';
import { newDatabase } from './support/hotspot.mjs';
import { LoginPage } from './support/login-page.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const spellings = [
  (code) => code,
  (code) => code.toLowerCase(),
  (code) => `${code.slice(0, 4)} ${code.slice(4)}`,
  (code) => `${code.slice(0, 4)}-${code.slice(4)}`.toLowerCase(),
  (code) => ` ${code.slice(0, 4).toLowerCase()}\u2013${code.slice(4)} `,
];

let browser;

before(async () => { browser = await launch(); });
after(endAll);

/** Prints a batch at the console, and returns its codes. */
async function cards(server, count) {
  const page = await operator(browser, server);
  await printed(page, server, { count });
  const codes = await page.locator('.voucher .code').allInnerTexts();
  await page.context().close();
  assert.equal(codes.length, count);
  return codes.map((code) => code.replace(/\s/g, ''));
}

const loggedIn = (page) => page.getByRole('heading', { name: 'logged in' }).waitFor();

/** Opens the router's page anew, and as a guest who has come back to it: it does not lead on by itself. */
async function openRouter(page, router) {
  await page.goto('about:blank');
  await page.goto(`${router.base}/login#hapa`);
}

async function typeAtTheRouter(page, router, typed) {
  await openRouter(page, router);
  await page.locator('#code').fill(typed);
  await page.getByRole('button', { name: 'Unganisha' }).click();
  await loggedIn(page);
}

async function typeInThePortal(page, router, typed) {
  await openRouter(page, router);
  await page.getByRole('button', { name: 'Nunua intaneti' }).click();
  await page.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
  await page.locator('#code').fill(typed);
  await page.getByRole('button', { name: 'Angalia' }).click();
  await page.getByRole('link', { name: 'Unganisha sasa' }).click();
  await loggedIn(page);
}

for (const kind of ['SQLite', 'PostgreSQL']) {
  test(`a printed card is accepted in five spellings, in the portal and at the router, on ${kind}`, async () => {
    const routers = await Promise.all([LoginPage.start(), LoginPage.start({ chap: true })]);
    const server = await Server.start({
      portal: { login_hosts: routers.map(({ host }) => host).join(',') },
      ...(kind === 'SQLite' ? {} : { database: { url: newDatabase() } }),
    });
    const radius = await FreeRadius.start(server.env.MALIPO__DATABASE__URL);
    const codes = await cards(server, routers.length * spellings.length);

    for (const router of routers) {
      await router.installFile(server.base);
      await router.ask(radius);
      const page = await guest(browser, server, { javaScriptEnabled: router.chap });
      for (const spelled of spellings) {
        const typed = spelled(codes.pop());
        await typeInThePortal(page, router, typed);
        await typeAtTheRouter(page, router, typed);
      }
      assert.equal(router.logins.length, 2 * spellings.length);
      // It is FreeRADIUS that decides.
      await openRouter(page, router);
      await page.locator('#code').fill('AAAABBBB');
      await page.getByRole('button', { name: 'Unganisha' }).click();
      await page.getByText(router.chap ? 'Vocha hii haipo' : 'This code was not accepted').first().waitFor();
      await page.context().close();
    }
  });
}
