// Access to the console, and the rights of viewers and admins.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { assertClean, guest, launch } from './support/browser.mjs';
import { TOKEN, freshPhone, logIn, logInByName, operator, sold, viewer } from './support/console.mjs';
import { assertAccessible, assertFits, assertPolicy, assertValid } from './support/judge.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});
after(endAll);

test('a browser without a session is redirected to the log-in, and afterwards to the requested page', async () => {
  const order = await sold(server);
  const page = await guest(browser, server);
  await page.goto(server.url(`/operator/orders/${order.order_id}`));
  assert.equal(new URL(page.url()).pathname, '/operator/login');

  await logIn(page, TOKEN);

  await page.waitForURL(`**/operator/orders/${order.order_id}`);
  const [cookie] = await page.context().cookies();
  assert.deepEqual(
    [cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path],
    ['malipo_session', true, 'Lax', '/'],
  );

  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('You are logged out.').waitFor();
  await page.goto(server.url('/operator'));
  assert.equal(new URL(page.url()).pathname, '/operator/login');
  // The old cookie no longer works.
  await page.context().addCookies([cookie]);
  await page.goto(server.url('/operator'));
  assert.equal(new URL(page.url()).pathname, '/operator/login');
  assertClean(page);
  await page.context().close();
});

test('after three wrong tokens the next log-in is delayed, also with the right token', async () => {
  const own = await Server.start();
  const page = await guest(browser, own);
  await page.goto(own.url('/operator/login'));
  for (let tries = 0; tries < 3; tries += 1) {
    await logIn(page, 'wrong');
    await page.getByText('This token is not valid').waitFor();
  }

  await logIn(page, TOKEN);

  const alert = await page.getByRole('alert').innerText();
  assert.match(alert, /Too many wrong tokens: wait \d+ s/);
  // The right token works after the delay.
  for (;;) {
    await logIn(page, TOKEN);
    await page.locator('#notice, #live').first().waitFor();
    if (await page.locator('#live').count() > 0) { break; }
    await page.waitForTimeout(300);
  }
  await page.context().close();
  await own.stop();
});

test('a viewer sees no buttons and no unmasked data, and cannot forge a form', async () => {
  const phone = freshPhone();
  const order = await sold(server, { phoneNumber: phone });
  const token = await viewer(server, 'neema');
  const page = await operator(browser, server, { token });
  await page.goto(server.url(`/operator/orders/${order.order_id}`));

  const text = await page.content();
  assert.ok(!text.includes(order.voucher_code), 'the code is masked');
  assert.ok(!text.includes(phone.slice(1)), 'the phone is masked');
  assert.equal(await page.locator('main form, .acts a, .see[href*="replay"]').count(), 0);
  await page.locator('.see').first().click();
  await page.getByText('Only admins see bodies').waitFor();

  // With the session's own CSRF token the form is genuine, but still not allowed.
  const csrf = await page.locator('[name=csrf]').first().inputValue();
  const forged = await page.request.post(server.url(`/operator/orders/${order.order_id}/refund`), {
    form: { csrf, reason: 'forged' }, maxRedirects: 0,
  });
  assert.equal(forged.status(), 403);
  assert.match(await forged.text(), /A viewer may only read/);
  const asked = await page.goto(server.url(`/operator/orders/${order.order_id}/refund`));
  assert.equal(asked.status(), 403);
  assert.equal((await server.status(order.order_id)).payment_status, 'COMPLETED');
  await page.context().close();
});

test('a form without the session\'s token, or with another\'s, changes nothing', async () => {
  const order = await sold(server);
  const page = await operator(browser, server);
  const other = await operator(browser, server);
  const foreign = await other.locator('[name=csrf]').first().inputValue();

  for (const csrf of [undefined, '', foreign]) {
    const form = { reason: 'forged', ...(csrf === undefined ? {} : { csrf }) };
    const answer = await page.request.post(
      server.url(`/operator/orders/${order.order_id}/refund`), { form, maxRedirects: 0 });
    assert.equal(answer.status(), 403);
    assert.match(await answer.text(), /not of your session/);
  }

  assert.equal((await server.status(order.order_id)).payment_status, 'COMPLETED');
  const left = await page.request.post(server.url('/operator/logout'), { form: {}, maxRedirects: 0 });
  assert.equal(left.status(), 403, 'another site cannot log an operator out');
  await page.context().close();
  await other.context().close();
});

/** The six digits of an authenticator with this secret (RFC 6238). */
function codeOf(secret) {
  const symbols = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/\s/g, '')].map((symbol) => symbols.indexOf(symbol).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac('sha1', key).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

test('an operator sets a password and an authenticator, and logs in with both, without scripts', async () => {
  const own = await Server.start();
  const token = await viewer(own, 'neema');
  const page = await operator(browser, own, { token, javaScriptEnabled: false });
  await page.getByRole('link', { name: 'My access' }).click();
  await page.locator('#proof-password').fill(token);
  await page.locator('#password').fill('mti mkubwa wa embe');
  await page.locator('#again').fill('mti mkubwa wa embe');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('The password is set.').waitFor();

  await page.locator('#proof-factor').fill('mti mkubwa wa embe');
  await page.getByRole('button', { name: 'Set up an authenticator' }).click();
  const secret = await page.locator('#secret').innerText();
  await page.locator('#code-confirm').fill(codeOf(secret));
  await page.getByRole('button', { name: 'Confirm' }).click();
  const codes = await page.locator('#codes code').allInnerTexts();
  assert.equal(codes.length, 10);
  await page.getByRole('button', { name: 'Log out' }).click();

  await logInByName(page, 'neema', 'mti mkubwa wa embe');
  assert.match(await page.getByRole('alert').innerText(), /password or the code is wrong/);
  assert.equal(await page.locator('#name').inputValue(), 'neema', 'the name is kept');
  await logInByName(page, 'neema', 'mti mkubwa wa embe', codes[0]);
  await page.getByText('neema viewer').waitFor();
  await page.goto(own.url('/operator/access'));
  await page.getByText('9 recovery codes are left').waitFor();
  await page.getByText('this one').waitFor();
  assertClean(page, { allowed: ['401'] });
  await page.context().close();
  await own.stop();
});

test('the pages of access are valid, accessible, and fit a phone of 320 pixels', async () => {
  const own = await Server.start();
  const token = await viewer(own, 'neema');
  const viewport = { width: 320, height: 640 };
  const mine = await operator(browser, own, { token, viewport });
  const judge = async (page, answer) => {
    await assertValid(page, answer);
    await assertFits(page, viewport.width);
    await assertAccessible(page);
    assertPolicy(answer);
  };
  await judge(mine, await mine.goto(own.url('/operator/access')));
  await mine.locator('#proof-factor').fill(token);
  await mine.getByRole('button', { name: 'Set up an authenticator' }).click();
  await mine.locator('.scan').waitFor();
  await judge(mine, await mine.reload());
  const admin = await operator(browser, own, { viewport });
  await judge(admin, await admin.goto(own.url('/operator/access')));
  await judge(admin, await admin.goto(own.url('/operator/people/neema')));
  const answered = admin.waitForResponse((answer) => answer.request().method() === 'POST');
  await admin.locator('#proof-reset').fill(TOKEN);
  await admin.getByRole('button', { name: 'Make a password for one log-in' }).click();
  await judge(admin, await answered);

  const once = await admin.locator('#fresh').innerText();
  await mine.goto(own.url('/operator/login'));
  await logInByName(mine, 'neema', once);
  await mine.getByText('Set a password of your own first').waitFor();
  await judge(mine, await mine.reload());
  await mine.goto(own.url('/operator/orders'));
  assert.equal(new URL(mine.url()).pathname, '/operator/access');
  await mine.context().close();
  await admin.context().close();
  await own.stop();
});
