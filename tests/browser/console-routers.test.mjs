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
  const values = ['#address', '#name', '#identifier', '#coa_port', '#signed'];
  const now = await Promise.all(values.map((field) => page.locator(field).inputValue()));
  assert.deepEqual(now, ['10.0.0.0/24', 'bar', '', '3799', 'no'], 'what it is now');
  await page.locator('#identifier').fill('MikroTik');
  await page.locator('#signed').selectOption('yes');
  await page.getByRole('button', { name: 'Change the router' }).click();
  await page.getByText('The router is changed.').waitFor();
  const row = "SELECT nasname || ' ' || identifier || ' ' || require_ma FROM nas WHERE shortname = 'bar'";
  assert.equal(await server.ask(row), '10.0.0.0/24 MikroTik yes');
  await page.getByText('If its RouterOS is older than 7.15, it does not sign').waitFor();

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
  await page.getByText('server.public_url is not set: this script does not work yet.').waitFor();
  await server.command('router', 'add', '10.0.0.3', '--name', 'kiosk', '--type', 'opennds');
  await page.goto(server.url('/operator/routers/kiosk'));
  await page.getByText('It does not ask FreeRADIUS itself').waitFor();
  assert.equal(await page.locator('textarea').count(), 0, 'it needs no secret');
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
  await page.getByRole('link', { name: 'printed', exact: true }).click();
  await page.getByRole('heading', { name: /^Printed voucher/ }).waitFor();
  assert.ok((await page.locator('main').innerText()).replace(/[\s-]/g, '').includes(code), 'the page of this card');
  await page.goBack();
  await page.getByRole('link', { name: /^Disconnect session/ }).click();
  await page.getByRole('button', { name: 'Disconnect the device' }).click();

  await page.getByText('The router is asked to end the session.').waitFor();
  const queued = `SELECT reason FROM outbox_messages WHERE voucher_code = '${code}'`;
  assert.equal(await server.ask(queued), 'operator');
  assertClean(page);
  await page.context().close();
});

/** Asserts that all of an element is seen without scrolling a table or the page sideways. */
async function assertSeen(element, width) {
  await element.scrollIntoViewIfNeeded();
  await element.page().evaluate(() => document.querySelectorAll('.scroll').forEach((it) => it.scrollTo(0, 0)));
  const { x, width: wide } = await element.boundingBox();
  assert.ok(x >= 0 && x + wide <= width, `${await element.innerText()}: from ${x} to ${x + wide} of ${width}`);
}

test('on a phone of 320 pixels nothing that matters is beyond the edge', async () => {
  const viewport = { width: 320, height: 640 };
  const page = await operator(browser, server, { viewport });
  await server.command('router', 'add', '10.0.0.4', '--name', 'veranda');
  await page.goto(server.url('/operator/routers'));
  await assertSeen(page.locator('.judgement').first(), 320);
  await assertSeen(page.getByRole('link', { name: 'Remove veranda' }), 320);

  await printed(page, server);
  await logIn(server, await firstCode(page), 2);
  await page.goto(server.url('/operator/sessions'));
  await assertSeen(page.getByRole('link', { name: /^Disconnect session/ }).first(), 320);
  await page.context().close();

  const token = await viewer(server, 'upendo');
  const [mine, plain] = [
    await operator(browser, server, { token, viewport }),
    await operator(browser, server, { token, viewport, javaScriptEnabled: false }),
  ];
  await mine.goto(server.url('/operator/access'));
  assert.equal(await mine.getByText('Your password now').count(), 0, 'there is no password yet');
  await assertSeen(mine.getByRole('button', { name: /^Revoke the token/ }), 320);
  await assertSeen(mine.getByRole('button', { name: /^End the session/ }).first(), 320);
  await plain.goto(server.url('/operator/access'));
  for (const link of await plain.locator('.sections a').all()) {
    const { x, width } = await link.boundingBox();
    assert.ok(x + width <= 320, `${await link.innerText()} is in the menu without scripts`);
  }
  await mine.context().close();
  await plain.context().close();
});

test('at a desk a token that was used can be revoked', async () => {
  const token = await viewer(server, 'rehema');
  const page = await operator(browser, server, { token, viewport: { width: 1280, height: 860 } });
  const headers = { authorization: `Bearer ${token}` };
  await server.json('/api/v1/operator/sessions', { headers });
  await page.goto(server.url('/operator/access'));
  const table = page.getByRole('group', { name: 'Tokens, a table' });
  assert.equal(await table.getByText('never').count(), 0, 'when it was used is shown');
  const wide = await table.evaluate((it) => [it.scrollWidth, it.clientWidth]);
  assert.ok(wide[0] <= wide[1], `${wide}`);
  await page.context().close();
});
