// The console's shop pages: packages, printed vouchers, sales, operators.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, launch } from './support/browser.mjs';
import { TOKEN, held, operator, sold, viewer } from './support/console.mjs';
import { fillPackage, firstCode, logIn, printed } from './support/console-states.mjs';
import { assertFits } from './support/judge.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

const prices = async () => {
  const { packages } = await server.json('/api/v1/customer-portal/packages');
  return Object.fromEntries(packages.map(({ code, price }) => [code, price]));
};

/** The page says what will happen before anything does. */
async function promised(page, sentence) {
  await page.getByRole('heading', { name: 'What will happen' }).waitFor();
  assert.match(await page.locator('.consequences').innerText(), sentence);
}

test('a package is added, gets another price and is retired; an order keeps its own price', async () => {
  const page = await operator(browser, server);
  await page.goto(server.url('/operator/packages'));
  await fillPackage(page, 'hour');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The package is on sale.').waitFor();
  const before = await server.buy({ packageId: 'hour' });

  await page.getByRole('link', { name: 'Change the price of hour' }).click();
  await promised(page, /What was ordered before keeps its price/);
  assert.match(await page.locator('.slip .facts').innerText(), /Price now\s+500 TZS/);
  assert.equal((await prices()).hour, 500, 'opening the page changes nothing');
  await page.locator('#price').fill('700');
  await page.getByRole('button', { name: 'Change the price' }).click();
  await page.getByText('The price is changed').waitFor();

  assert.equal((await prices()).hour, 700);
  assert.equal((await server.status(before)).amount, 500);
  assert.equal((await server.status(await server.buy({ packageId: 'hour' }))).amount, 700);

  await page.getByRole('link', { name: 'Retire hour' }).click();
  await promised(page, /What was sold stays valid/);
  await page.getByRole('link', { name: 'Do nothing' }).click();
  assert.equal((await prices()).hour, 700);
  await page.getByRole('link', { name: 'Retire hour' }).click();
  await page.getByRole('button', { name: 'Retire the package' }).click();
  await page.getByText('no longer on sale').waitFor();
  assert.equal((await prices()).hour, undefined);
  await page.getByRole('link', { name: 'Offer hour again' }).click();
  await promised(page, /The shop shows the package again/);
  await page.getByRole('button', { name: 'Offer the package again' }).click();
  await page.getByText('on sale again').waitFor();
  assert.equal((await prices()).hour, 700);

  await page.goto(server.url('/operator/audit'));
  const log = await page.locator('tbody').innerText();
  for (const act of ['add_package', 'change_price', 'retire_package', 'offer_package']) {
    assert.match(log, new RegExp(`${act}\\s+package hour`));
  }
  assertClean(page);
  await page.context().close();
});

test('on the smallest phone a price can be changed without horizontal scrolling', async () => {
  const width = 320;
  const page = await operator(browser, server, { viewport: { width, height: 640 } });
  await page.goto(server.url('/operator/packages'));

  const links = page.locator('.prices a');
  assert.ok(await links.count() >= 2, 'nothing to change');
  for (const link of await links.all()) {
    const { x, width: wide } = await link.boundingBox();
    const list = await page.locator('.scroll').boundingBox();
    const end = Math.min(width, list.x + list.width);
    assert.ok(x + wide <= end, `${await link.innerText()} ends at ${x + wide}, the list at ${end}`);
  }
  await assertFits(page, width);
  assertClean(page);
  await page.context().close();
});

test('a batch of vouchers is made, printed and valid', async () => {
  const page = await operator(browser, server);
  await printed(page, server, { count: 30, note: 'kiosk' });

  const codes = (await page.locator('.sheet .code').allInnerTexts())
    .map((text) => text.replace(/\s/g, ''));
  assert.equal(codes.length, 30);
  assert.equal(new Set(codes).size, 30);
  assert.ok(codes.every((code) => /^[A-HJ-KM-NP-Z2-9]{8}$/.test(code)), codes.join(' '));
  const voucher = await server.json(`/api/v1/customer-portal/voucher/${codes[0]}`).catch(() => null);
  if (voucher) { assert.equal(voucher.state, 'new'); }

  // Only the cards are printed.
  await page.emulateMedia({ media: 'print' });
  for (const gone of ['.bar', '#banner', '.title']) {
    assert.equal(await page.locator(gone).first().isVisible(), false, `${gone} is printed`);
  }
  await page.emulateMedia({ media: 'screen' });

  await page.goto(server.url('/operator/vouchers'));
  assert.match(await page.locator('tbody tr').first().innerText(), /30\s+60,000 TZS\s+kiosk\s+bootstrap|30\s+\S+ TZS\s+kiosk\s+bootstrap/);
  assertClean(page);
  await page.context().close();
});

test('the code on a card finds the voucher, which is a cash sale once it is used', async () => {
  const own = await Server.start();
  const page = await operator(browser, own);
  await printed(page, own, { count: 3, note: 'kiosk' });
  const code = await firstCode(page);

  await page.goto(own.url('/operator'));
  await page.locator('#find').fill(`${code.slice(0, 4).toLowerCase()} ${code.slice(4)}`);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/operator/printed/*');
  assert.match(await page.locator('h1').innerText(), /Printed voucher \d+-\d{3}\s+new/i);
  const facts = await page.locator('.facts').innerText();
  for (const fact of [code, 'Half day', '1,000 TZS', 'kiosk', 'not yet', 'bootstrap']) {
    assert.ok(facts.includes(fact), `${fact}: ${facts}`);
  }
  await page.goto(own.url('/operator/sales'));
  assert.match(await page.locator('main').innerText(), /Nothing was sold in these days/);

  await logIn(own, code, 0);
  await page.goto(own.url('/operator/sales'));
  assert.match(await page.locator('.title').innerText(), /0 sold for 0 TZS, and 1 printed for 1,000 TZS in cash/);
  assert.equal(await page.locator('.chart rect.cash').count(), 1);
  await page.locator('tbody a').first().click();
  assert.match(await page.locator('.title').innerText(), /and 1 printed for 1,000 TZS/);

  await page.goto(own.url(`/operator/orders?q=${code}`));
  assert.match(await page.locator('h1').innerText(), /active/i);
  await page.getByRole('link', { name: 'Revoke the voucher' }).click();
  await promised(page, /Nobody can log in with the voucher any more/);
  await page.locator('#reason').fill('lost');
  await page.getByRole('button', { name: 'Revoke the voucher' }).click();
  await page.getByText('The voucher is revoked.').waitFor();
  assert.match(await page.locator('h1').innerText(), /revoked/i);
  const voucher = await own.json(`/api/v1/customer-portal/voucher/${code}`);
  assert.equal(voucher.state, 'revoked');
  assertClean(page);
  await page.context().close();
  await own.stop();
});

test('a token is shown once, works, and can be ended', async () => {
  const page = await operator(browser, server);
  await page.goto(server.url('/operator/people'));
  await page.locator('#name').fill('asha');
  await page.locator('#role').selectOption('admin');
  await page.locator('#proof').fill(TOKEN);
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.locator('#fresh').innerText();
  const asha = await operator(browser, server, { token });
  assert.match(await asha.locator('.who').innerText(), /asha admin/);

  await page.goto(server.url('/operator/people'));
  assert.ok(!(await page.content()).includes(token), 'it is shown once');
  await page.getByRole('link', { name: 'End the access of asha' }).click();
  await promised(page, /all sessions end at once/);
  await asha.reload();
  assert.equal(new URL(asha.url()).pathname, '/operator', 'the token still works');
  await page.locator('#reason').fill('has left us');
  await page.getByRole('button', { name: 'End the access' }).click();
  await page.getByText('are ended').waitFor();

  await asha.reload();
  assert.equal(new URL(asha.url()).pathname, '/operator/login');
  assertClean(page);
  await page.context().close();
  await asha.context().close();
});

test('the report lists differences, the sales list what was sold, and both have links', async () => {
  const own = await Server.start();
  await Promise.all([sold(own), sold(own, { packageId: 'weekly' })]);
  const stuck = await held(own);
  const page = await operator(browser, own);

  await page.goto(own.url('/operator/report'));
  assert.match(await page.locator('.title').innerText(), /Sold 2 for 12,000 TZS\. 1 does not fit\./);
  const trouble = page.locator('.panel.trouble').filter({ hasText: 'Paid, not fulfilled' });
  await trouble.locator('tbody a').first().click();
  await page.waitForURL(`**/operator/orders/${stuck.order_id.slice(0, 8)}`);

  await page.goto(own.url('/operator/sales'));
  assert.match(await page.locator('.title').innerText(), /2 sold for 12,000 TZS/);
  assert.equal(await page.locator('.chart rect').count(), 2);
  const download = page.waitForEvent('download');
  await page.locator('tbody a[download]').first().click();
  assert.match((await download).suggestedFilename(), /^malipo-\d{4}-\d\d-\d\d\.csv$/);
  assertClean(page);
  await page.context().close();
  await own.stop();
});

test('a viewer sees no form, no code, and changes nothing', async () => {
  const admin = await operator(browser, server);
  await printed(admin, server, { count: 2 });
  const sheet = new URL(admin.url()).pathname;
  const page = await operator(browser, server, { token: await viewer(server, 'neema') });
  const csrf = await page.locator('[name=csrf]').first().inputValue();

  for (const path of ['packages', 'vouchers', 'people', 'letters', 'report', 'sales', 'audit']) {
    const answer = await page.goto(server.url(`/operator/${path}`));
    assert.equal(answer.status(), 200, path);
    assert.equal(await page.locator('main form[method=post]').count(), 0, path);
  }
  assert.equal((await page.goto(server.url(sheet))).status(), 403);
  const before = await prices();
  const forged = [
    ['/operator/packages/daily/price', { price: 1 }],
    ['/operator/packages/daily/retire', {}],
    ['/operator/vouchers', { package: 'daily', count: 5 }],
    ['/operator/people', { name: 'mallory', role: 'admin' }],
  ];
  for (const [path, fields] of forged) {
    const answer = await page.request.post(server.url(path), {
      form: { csrf, ...fields }, maxRedirects: 0,
    });
    assert.equal(answer.status(), 403, path);
  }
  assert.deepEqual(await prices(), before);
  const { status } = await admin.goto(server.url('/operator/people'));
  assert.ok(!(await admin.content()).includes('mallory'), String(status));
  await page.context().close();
  await admin.context().close();
});
