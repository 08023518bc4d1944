// A CoovaChilli itself, in front of the portal and a real FreeRADIUS: a guest in a network of its own buys, and
// reaches the Internet until the order is refunded.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';

import { guest, orderId } from './support/browser.mjs';
import { FreeRadius } from './support/freeradius.mjs';
import { CHILLI, Gateway, missing } from './support/namespaces.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { endAll, endWithTheFile } from './support/started.mjs';

const SECRET = 'uam-secret-of-the-tests';
const RADIUS_SECRET = 'radius-secret-of-the-tests';

after(endAll);

test('a guest behind a real CoovaChilli buys and reaches the Internet', { skip: missing(CHILLI, 'busybox') }, async () => {
  const gateway = new Gateway();
  const internet = createServer((_, response) => response.end('the Internet'));
  await new Promise((resolve) => internet.listen(0, gateway.outside, resolve));
  endWithTheFile(() => internet.close());
  const site = `http://${gateway.outside}:${internet.address().port}/`;
  const server = await Server.startPublic({
    server: { bind: `${gateway.outside}:0` },
    sandbox: { approve_after_ms: '0', allow_remote: 'true' },
    portal: { login_hosts: '10.1.0.1:3990', uam_secret: SECRET },
  });
  await server.command('nas', 'add', gateway.inside, '--name', 'pwani', '--secret', RADIUS_SECRET);
  const radius = await FreeRadius.start(server.env.MALIPO__DATABASE__URL, gateway.outside);
  await gateway.chilli({ portal: server.base, secret: SECRET, radius, radiusSecret: RADIUS_SECRET });
  const page = await guest(await gateway.browser(), server, { javaScriptEnabled: false });

  // Any site by plain HTTP leads to the shop.
  await page.goto('http://192.0.2.1/');
  await page.getByText('Siku moja', { exact: true }).click();
  await page.locator('#phone').fill(freshPhone());
  await page.locator('#pay').click();
  await page.waitForURL(/\/order\//);
  const order = orderId(page);
  await server.decide(order, { decision: 'approve' });
  await page.getByRole('button', { name: 'Unganisha sasa' }).click();
  await page.getByRole('heading', { name: 'Umeunganishwa' }).waitFor();
  await page.getByText(/Muda uliobaki: saa 23/).waitFor();

  await page.goto(site);
  assert.equal(await page.locator('body').innerText(), 'the Internet');

  // The refund's Disconnect-Request ends the session.
  await server.json(`/api/v1/operator/orders/${order}/refund`, {
    method: 'POST', body: '{"reason":"a test"}',
    headers: { authorization: 'Bearer operator-token-of-the-tests', 'content-type': 'application/json' },
  });
  do {
    await page.goto('http://10.1.0.1:3990/prelogin');
  } while (page.url().includes('res=already'));
  assert.match(page.url(), /res=notyet/);
  await page.context().close();
});
