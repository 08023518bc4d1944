// Writes the pictures of docs/routers.md to docs/routers: a guest's way from the Wi-Fi to the voucher, through
// the router of the tests.
//
//   npm run screenshots

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { SMALL_PHONE, launch, orderId } from './support/browser.mjs';
import { World } from './support/hotspot.mjs';
import { shrink } from './support/palette.mjs';
import { freshPhone } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const folder = fileURLToPath(new URL('../../docs/routers/', import.meta.url));

const browser = await launch();
const world = await World.start();
const router = await world.router();
const phone = await router.join(browser, world.server, { viewport: SMALL_PHONE, deviceScaleFactor: 2 });

async function take(name) {
  await phone.evaluate(() => document.activeElement?.blur());
  await writeFile(`${folder}${name}.png`, shrink(await phone.screenshot({ animations: 'disabled' })));
}

// With what follows the #, the router's page does not go on to the shop by itself.
await phone.goto('http://wifi.test/login#hapa');
await take('login');
await phone.goto('http://news.test/');
await phone.getByRole('heading', { name: 'Nunua intaneti' }).waitFor();
await take('shop');
await phone.getByText('Siku moja', { exact: true }).click();
await phone.locator('#phone').fill(freshPhone());
await phone.locator('button.go').click();
await phone.waitForURL(/\/order\//);
await take('pay');
await world.server.decide(orderId(phone), { decision: 'approve' });
await phone.locator('main.good').waitFor();
await take('voucher');

await endAll();
await browser.close();
