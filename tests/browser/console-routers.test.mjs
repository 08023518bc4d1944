// Routers and sessions in the console, with and without scripts.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, launch } from './support/browser.mjs';
import { operator, viewer } from './support/console.mjs';
import { firstCode, logIn, printed } from './support/console-states.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

test('an admin adds a router without scripts, sees its script, changes and removes it', async () => {
  const page = await operator(browser, server, { javaScriptEnabled: false });
  await page.goto(server.url('/operator/routers'));
  await page.locator('#name').fill('bar');
  await page.locator('#address').fill('10.0.0.0/24');
  await page.getByRole('button', { name: 'Add', exact: true }).click();

  const script = await page.getByLabel('For the terminal of bar').inputValue();
  const secret = await server.ask("SELECT secret FROM nas WHERE shortname = 'bar'");
  assert.ok(script.includes(secret), script);
  const shown = "SELECT COUNT(*) FROM audit_events WHERE subject = 'router bar (script)'";
  assert.equal(Number(await server.ask(shown)), 1, 'it is logged that the secret was shown');
  await page.getByRole('link', { name: 'All routers' }).click();
  await page.getByText('Nothing was ever received from it').waitFor();

  await page.getByRole('link', { name: 'Change bar' }).click();
  await page.locator('#identifier').fill('MikroTik');
  await page.locator('#signed').selectOption('yes');
  await page.getByRole('button', { name: 'Change the router' }).click();
  await page.getByText('The router is changed.').waitFor();
  const row = "SELECT nasname || ' ' || identifier || ' ' || require_ma FROM nas WHERE shortname = 'bar'";
  assert.equal(await server.ask(row), '10.0.0.0/24 MikroTik yes');

  await page.getByRole('link', { name: 'Remove bar' }).click();
  await page.getByRole('button', { name: 'Remove the router' }).click();
  await page.getByText('The router is removed.').waitFor();
  assert.equal(Number(await server.ask('SELECT COUNT(*) FROM nas')), 0);
  assertClean(page);
  await page.context().close();
});

test('a script is copied with one press, and a viewer sees none', async () => {
  const page = await operator(browser, server);
  await server.command('router', 'add', '10.0.0.2', '--name', 'pool');
  await page.goto(server.url('/operator/routers/pool'));
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  await page.context().close();

  const other = await operator(browser, server, { token: await viewer(server, 'vera') });
  const refused = await other.goto(server.url('/operator/routers/pool'));
  assert.equal(refused.status(), 403);
  await other.goto(server.url('/operator/routers'));
  assert.equal(await other.getByRole('link', { name: /script/i }).count(), 0);
  await other.context().close();
});

test('a session is found by its code and ended', async () => {
  const page = await operator(browser, server, { javaScriptEnabled: false });
  await printed(page, server);
  const code = await firstCode(page);
  await logIn(server, code, 2);
  await page.goto(server.url('/operator/sessions'));
  await page.locator('#q').fill(code.toLowerCase());
  await page.locator('main').getByRole('button', { name: 'Find' }).click();
  await page.getByText('on-line', { exact: true }).waitFor();
  await page.getByRole('link', { name: /^Disconnect session/ }).click();
  await page.getByRole('button', { name: 'Disconnect the device' }).click();

  await page.getByText('The router is asked to end the session.').waitFor();
  const queued = `SELECT reason FROM outbox_messages WHERE voucher_code = '${code}'`;
  assert.equal(await server.ask(queued), 'operator');
  assertClean(page);
  await page.context().close();
});
