// Debian's openNDS itself, with its firewall, in front of the portal and a real FreeRADIUS: a guest in a
// network of its own buys, and reaches the Internet.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';

import { guest, orderId } from './support/browser.mjs';
import { FreeRadius } from './support/freeradius.mjs';
import { Gateway, missing } from './support/namespaces.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll, endWithTheFile } from './support/started.mjs';

const KEY = '0123456789abcdef';

after(endAll);

test('a guest behind the real openNDS buys and reaches the Internet', { skip: missing('opennds') }, async () => {
  const gateway = new Gateway();
  const internet = createServer((_, response) => response.end('the Internet'));
  await new Promise((resolve) => internet.listen(0, gateway.outside, resolve));
  endWithTheFile(() => internet.close());
  const site = `http://${gateway.outside}:${internet.address().port}/`;
  const server = await Server.startPublic({
    server: { bind: `${gateway.outside}:0` },
    sandbox: { approve_after_ms: '0', allow_remote: 'true' },
    portal: { login_hosts: '192.168.77.1:2050', fas_key: KEY },
    radius: { server: '127.0.0.1:1', secret: 'unused-here' },
  });
  const radius = await FreeRadius.start(server.env.MALIPO__DATABASE__URL);
  await server.halt('SIGTERM');
  server.changes.radius = { server: `127.0.0.1:${radius.ports.auth}`, secret: radius.secret };
  await server.run();
  await gateway.openNds(KEY, new URL(server.base).port);
  const page = await guest(await gateway.browser(), server, { javaScriptEnabled: false });

  const out = await page.context().newPage();
  await assert.rejects(out.goto(site), /ERR_/, 'a guest without a voucher is kept out');
  await out.close();
  // Any site by plain HTTP leads to the shop.
  await page.goto('http://192.0.2.1/');
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(freshPhone());
  await page.locator('#pay').click();
  await page.waitForURL(/\/order\//);
  await server.decide(orderId(page), { decision: 'approve' });
  await page.getByRole('button', { name: 'Unganisha sasa' }).click();
  await page.getByRole('heading', { name: 'Umeunganishwa' }).waitFor();

  await page.goto(site);
  assert.equal(await page.locator('body').innerText(), 'the Internet');
  await page.context().close();
});
