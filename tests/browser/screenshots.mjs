// Writes screenshots of every page for guests, for a phone and a desktop, to docs/screenshots:
//
//   npm run screenshots

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { SMALL_PHONE, guest, launch, order } from './support/browser.mjs';
import { shrink } from './support/palette.mjs';
import { Server, freshPhone } from './support/server.mjs';
import { expired, states } from './support/states.mjs';

const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));

const sizes = {
  phone: { viewport: SMALL_PHONE, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};

/** The name of each screenshot, and its state. */
const pages = {
  shop: 'the shop',
  'shop-wrong-number': 'the shop, when the number is wrong',
  'shop-prompt-open': 'the shop, when the phone has a prompt',
  'voucher-typed': 'a voucher whose router is known',
  'voucher-page': 'the page for a voucher',
  waiting: 'the waiting page',
  failed: 'a failed payment',
  cancelled: 'a cancelled payment',
  held: 'a held payment',
  paid: 'the page for guests who have paid',
  'no-order': 'an unknown order',
};

const browser = await launch();
const server = await Server.start({ portal: { login_hosts: 'router.test' } });
await mkdir(folder, { recursive: true });

async function take(page, name, size) {
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement?.blur());
  const png = await page.screenshot({ fullPage: true, animations: 'disabled' });
  await writeFile(path.join(folder, `${name}-${size}.png`), shrink(png));
}

for (const [size, options] of Object.entries(sizes)) {
  for (const [name, state] of Object.entries(pages)) {
    const page = await guest(browser, server, options);
    await states[state](page, server);
    await take(page, name, size);
    await page.context().close();
  }

  const page = await guest(browser, server, options);
  const path = '/?link-login-only=http%3A%2F%2Frouter.test%2Flogin';
  const id = await order(page, { phone: freshPhone(), path });
  await server.decide(id, { decision: 'approve' });
  await page.locator('main.good').waitFor();
  await take(page, 'voucher', size);
  await page.goto(page.url().replace('?', '?lang=en&'));
  await take(page, 'voucher-en', size);

  const fresh = await Server.start();
  page.server = fresh;
  await states["the sandbox's phone"](page, fresh);
  await take(page, 'handset', size);
  await fresh.stop();

  const late = await expired(page);
  await take(page, 'expired', size);
  await late.server.stop();
  await page.context().close();
}

await browser.close();
await server.stop();
