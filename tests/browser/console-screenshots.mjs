// Writes screenshots of the console's pages, by default to docs/screenshots:
// `node console-screenshots.mjs [FOLDER [NAME]]`

import { mkdir, writeFile } from 'node:fs/promises';

import { launch } from './support/browser.mjs';
import { DESKTOP, PHONE, TOKEN, freshPhone, held, operator, sold, until, viewer } from './support/console.mjs';
import { firstCode, logIn, printed } from './support/console-states.mjs';
import { shrink } from './support/palette.mjs';
import { Server } from './support/server.mjs';

const folder = process.argv[2] ?? '../../docs/screenshots';
const only = process.argv[3];
await mkdir(folder, { recursive: true });
const server = await Server.startPublic({ portal: { wifi_name: 'Pwani Wi-Fi' } });
const browser = await launch();

// Data of a shop that has been open for a while.
await server.command('drill', '--url', server.base, '--token', TOKEN, '--orders', '60', '--copies', '4');
const phone = freshPhone();
const order = await sold(server, { phoneNumber: phone, customerName: 'Asha Juma', packageId: 'weekly' });
await held(server);
const lost = await server.buy({ packageId: 'student' });
const failed = await server.buy({ packageId: 'half-day' });
await server.decide(failed, { decision: 'decline', word: 'INSUFFICIENT_BALANCE' });
await until(server, failed, 'FAILED');
await sold(server, { packageId: 'monthly' });
await server.decide(lost, { decision: 'approve', deliver: false });
const token = await viewer(server, 'neema');
const keeper = await operator(browser, server);
await printed(keeper, server, { count: 24, note: 'Duka la Asha' });
const card = await firstCode(keeper);
await logIn(server, card);
await server.command('router', 'add', '10.0.0.1', '--name', 'beach', '--require-message-auth');
await server.command('router', 'add', 'any', '--name', 'bus-stand');
await server.sql("INSERT INTO router_status (router_id, accepted_at, signed_at, accounted_at, disconnected_at, disconnect_result) " +
  "SELECT id, strftime('%s', 'now') - 90, strftime('%s', 'now') - 90, strftime('%s', 'now') - 20, " +
  "strftime('%s', 'now') - 7000, 'acknowledged' FROM nas WHERE shortname = 'beach'");
await server.sql("INSERT INTO router_status (router_id, rejected_at, unsigned_at) " +
  "SELECT id, strftime('%s', 'now') - 600, strftime('%s', 'now') - 600 FROM nas WHERE shortname = 'bus-stand'");
await keeper.goto(server.url(`/operator/orders?q=${card}`));
const voucher = new URL(keeper.url()).pathname;
await keeper.context().close();
const headers = { authorization: `Bearer ${TOKEN}` };
const [delivery] = (await server.json(`/api/v1/operator/webhooks?order_id=${order.order_id}`, { headers })).webhooks;

const pages = {
  live: '/operator',
  orders: '/operator/orders',
  order: `/operator/orders/${order.order_id}`,
  refund: `/operator/orders/${order.order_id}/refund`,
  deliveries: '/operator/deliveries',
  delivery: `/operator/deliveries/${delivery.id}`,
  letters: '/operator/letters',
  report: '/operator/report',
  sales: '/operator/sales',
  packages: '/operator/packages',
  price: '/operator/packages/daily/price',
  vouchers: '/operator/vouchers',
  sheet: '/operator/vouchers/1',
  printed: voucher,
  sessions: '/operator/sessions',
  routers: '/operator/routers',
  router: '/operator/routers/beach',
  people: '/operator/people',
  audit: '/operator/audit',
};
/** Takes a screenshot of the page, at most 1600 pixels high. */
async function take(page, name) {
  const { width } = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width, height: Math.min(height, 1600) };
  const png = await page.screenshot({ fullPage: true, clip });
  await writeFile(`${folder}/operator-${name}.png`, shrink(png));
}

for (const [where, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
  const page = await operator(browser, server, { viewport });
  for (const [name, path] of Object.entries(pages)) {
    if (only && !name.startsWith(only)) { continue; }
    await page.goto(server.url(path));
    if (name === 'live') {
      for (let n = 0; n < 8; n += 1) {
        await server.command('drill', '--url', server.base, '--token', TOKEN, '--orders', String(5 + 7 * (n % 3)), '--copies', '3');
      }
    }
    await page.waitForTimeout(300);
    await take(page, `${name}-${where}`);
  }
  await page.context().clearCookies();
  if (!only || 'access'.startsWith(only)) {
    // Of an operator with a name; the token of the configuration has no access to change.
    const mine = await operator(browser, server, { viewport, token });
    await mine.goto(server.url('/operator/access'));
    await take(mine, `access-${where}`);
    await mine.context().close();
  }
  if (!only) {
    await page.goto(server.url('/operator/login'));
    await take(page, `login-${where}`);
  }
  await page.context().close();
}
await browser.close();
await server.stop();
