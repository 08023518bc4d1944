// Printed vouchers on paper: every card is whole, on the page where it belongs, and a scanner reads its code.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, launch } from './support/browser.mjs';
import { TOKEN, operator } from './support/console.mjs';
import { fillPackage, logIn, printed } from './support/console-states.mjs';
import { print } from './support/paper.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const PUBLIC = 'https://wifi.example';
const LONG = 'https://wi-fi.hoteli-ya-bahari-beach.dar-es-salaam.example:8443';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start({
    server: { public_url: PUBLIC },
    sandbox: { allow_remote: 'true' },
    portal: { wifi_name: 'Pwani Wi-Fi' },
  })]);
});
after(endAll);

/** The codes of the sheet that is open, by serial. */
async function cards(page) {
  const text = async (name) => (await page.locator(`.voucher .${name}`).allInnerTexts()).map((it) => it.replace(/\s/g, ''));
  const [serials, codes] = [await text('serial'), await text('code')];
  return Object.fromEntries(serials.map((serial, at) => [serial, codes[at]]));
}

// Receipt printers have 203 dots per inch, others at least 300.
const papers = [
  { word: 'a4', name: 'A4', perPage: 12, size: [210, 297], dpi: 300 },
  { word: '58', name: '58 mm roll', perPage: 1, size: [58, 120], dpi: 203 },
  { word: '80', name: '80 mm roll', perPage: 1, size: [80, 100], dpi: 203 },
];

/** Asserts that the sheets have these cards, whole and in their order, `perPage` on each. */
function assertPrinted(sheets, all, { perPage, size }, origin) {
  const serials = Object.keys(all);
  assert.equal(sheets.length, Math.ceil(serials.length / perPage), 'pages');
  for (const [at, sheet] of sheets.entries()) {
    const here = serials.slice(at * perPage, (at + 1) * perPage);
    assert.deepEqual(sheet.size, size);
    const shown = sheet.text.match(/\b\d+-\d{3}\b/g).sort();
    assert.deepEqual(shown, here, `serials on page ${at + 1}`);
    assert.deepEqual(sheet.scanned, here.map((serial) => `${origin}/voucher#${all[serial]}`).sort(), `page ${at + 1}`);
    for (const serial of here) {
      const code = all[serial];
      assert.match(sheet.text, new RegExp(`${code.slice(0, 4)}\\s${code.slice(4)}`));
    }
    assert.equal(sheet.text.match(/Msaada \/ Help/g).length, here.length, 'the last line of each card');
  }
}

/** Asserts that no card is higher than its place, and that no Wi-Fi name is cut off. */
async function assertWhole(page) {
  await page.emulateMedia({ media: 'print' });
  const cut = await page.locator('.voucher, .voucher .wifi, .voucher .code').evaluateAll((all) => all
    .filter((it) => it.scrollHeight > it.clientHeight + 1 && it.matches('.voucher') || it.scrollWidth > it.clientWidth + 1 && it.clientWidth)
    .map((it) => `${it.className} ${it.scrollWidth}x${it.scrollHeight} in ${it.clientWidth}x${it.clientHeight}`));
  assert.deepEqual(cut, []);
  await page.emulateMedia({ media: null });
}

test('cards come out whole on A4 and on both rolls, and a scanner reads every one; no script is needed', async () => {
  const page = await operator(browser, server, { javaScriptEnabled: false });
  await printed(page, server, { count: 30 });

  for (const paper of papers) {
    await page.getByRole('link', { name: paper.name }).click();
    await page.locator(`.paper-${paper.word}`).waitFor();
    const all = await cardsWithoutScript(page, server);
    assert.equal(Object.keys(all).length, 30);
    assertPrinted(await print(page, paper.dpi), all, paper, PUBLIC);
  }
  assertClean(page);
  await page.context().close();
});

/** The same where the page may run no script: from the API. */
async function cardsWithoutScript(page, from) {
  const id = /vouchers\/(\d+)/.exec(page.url())[1];
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { vouchers } = await from.json(`/api/v1/operator/vouchers/batches/${id}`, { headers });
  return Object.fromEntries(vouchers
    .filter(({ state }) => state === 'new')
    .map((card) => [card.serial, card.voucher_code]));
}

test('the longest names fit on a card, and its code is still read', async () => {
  const own = await Server.start({
    server: { public_url: LONG },
    sandbox: { allow_remote: 'true' },
    portal: {
      brand: 'Mtandao wa Wi-Fi wa Mama Asha na Wanawe, Kariakoo sokoni',
      wifi_name: 'Hoteli ya Bahari Beach Wageni 5G',
      support_phone: '+255 712 345 678',
    },
  });
  const page = await operator(browser, own);
  await page.goto(own.url('/operator/packages'));
  await fillPackage(page, 'long');
  await page.locator('#name_en').fill('Half a month of unlimited Internet daily');
  await page.locator('#minutes').fill('21601');
  await page.locator('#price').fill('1000000');
  await page.locator('#devices').fill('10');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The package is on sale.').waitFor();
  await page.goto(own.url('/operator/vouchers'));
  await page.locator('#package').selectOption('long');
  await page.locator('#count').fill('13');
  await page.getByRole('button', { name: 'Make and print' }).click();

  for (const paper of papers) {
    await page.getByRole('link', { name: paper.name }).click();
    await page.locator(`.paper-${paper.word}`).waitFor();
    await assertWhole(page);
    assertPrinted(await print(page, paper.dpi), await cards(page), paper, LONG);
  }
  assertClean(page);
  await page.context().close();
  await own.stop();
});

test('used and revoked cards are not printed again, and a batch is revoked but for its used cards', async () => {
  const page = await operator(browser, server);
  await printed(page, server, { count: 14 });
  const sheet = page.url();
  const all = await cards(page);
  const [first, second] = Object.keys(all);
  await logIn(server, all[first], 0);
  await page.goto(server.url(`/operator/orders?q=${second}`));
  assert.match(await page.locator('h1').innerText(), new RegExp(`Printed voucher ${second}`));
  await page.getByRole('link', { name: 'Revoke the voucher' }).click();
  await page.getByRole('button', { name: 'Revoke the voucher' }).click();
  await page.getByText('The voucher is revoked.').waitFor();

  await page.goto(sheet);
  assert.match(await page.locator('main').innerText(), /12 can be sold and are printed here\. 1 used, 1 revoked/);
  const left = Object.fromEntries(Object.entries(all).slice(2));
  assertPrinted(await print(page, 300), left, papers[0], PUBLIC);

  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV' }).click();
  assert.match((await download).suggestedFilename(), /^malipo-vouchers-\d+\.csv$/);
  await page.getByRole('link', { name: 'Revoke the unused cards' }).click();
  assert.match(await page.locator('.facts').innerText(), /Unused: will be revoked\s+12\s+Used: stay valid\s+1\s+Revoked before\s+1/);
  await page.locator('#reason').fill('the box is gone');
  await page.getByRole('button', { name: 'Revoke the unused cards' }).click();
  await page.getByText('The unused cards of the batch are revoked.').waitFor();
  assert.equal(await page.locator('.voucher').count(), 0);
  const active = await server.json(`/api/v1/customer-portal/voucher/${all[first]}`);
  assert.equal(active.state, 'active');
  assertClean(page);
  await page.context().close();
});
