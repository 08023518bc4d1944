// Every page of the console in each of its states. Each function opens the page and returns its response.

import { TOKEN, held, sold } from './console.mjs';

/** The response of a navigation, after its redirects. */
function answered(page) {
  return page.waitForResponse((answer) => answer.request().isNavigationRequest() && answer.status() !== 303);
}

const visit = (path) => (page, server) => page.goto(server.url(path));

/** The deliveries for this query, newest first. */
async function deliveries(server, query) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return (await server.json(`/api/v1/operator/webhooks?${query}`, { headers })).webhooks;
}

export const consoleStates = {
  'live': async (page, server) => {
    await sold(server);
    await held(server);
    const answer = await page.goto(server.url('/operator'));
    await page.locator('#rows a').first().waitFor();
    return answer;
  },
  'orders': async (page, server) => {
    await Promise.all([sold(server), server.buy()]);
    return page.goto(server.url('/operator/orders'));
  },
  'orders, when none is found': visit('/operator/orders?q=0799999999'),
  'orders, when the query is invalid': visit('/operator/orders?q=%01'),
  'an order': async (page, server) => {
    const order = await sold(server, { customerName: 'Asha Juma' });
    return page.goto(server.url(`/operator/orders/${order.order_id}`));
  },
  'a refund, before it is recorded': async (page, server) => {
    const order = await sold(server);
    return page.goto(server.url(`/operator/orders/${order.order_id}/refund`));
  },
  'a refund that is refused': async (page, server) => {
    const order = await held(server);
    await page.goto(server.url(`/operator/orders/${order.order_id}/refund`));
    await page.locator('#reason').fill('not completed yet');
    const answer = answered(page);
    await page.getByRole('button', { name: 'Record a refund' }).click();
    return answer;
  },
  'the deliveries': async (page, server) => {
    await sold(server);
    return page.goto(server.url('/operator/deliveries'));
  },
  'a delivery': async (page, server) => {
    const order = await sold(server);
    const [delivery] = await deliveries(server, `order_id=${order.order_id}`);
    return page.goto(server.url(`/operator/deliveries/${delivery.id}`));
  },
  'the failed messages': visit('/operator/letters'),
  'the report of a day with differences': async (page, server) => {
    await Promise.all([sold(server), held(server)]);
    return page.goto(server.url('/operator/report'));
  },
  'the sales': async (page, server) => {
    await Promise.all([sold(server), sold(server, { packageId: 'weekly' })]);
    return page.goto(server.url('/operator/sales'));
  },
  'the price list': visit('/operator/packages'),
  'the price list, when a package cannot be added': async (page, server) => {
    await page.goto(server.url('/operator/packages'));
    await fillPackage(page, 'daily');
    const answer = answered(page);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    return answer;
  },
  'the printed vouchers': async (page, server) => {
    await printed(page, server);
    return page.goto(server.url('/operator/vouchers'));
  },
  'a printed voucher': async (page, server) => {
    await printed(page, server, { note: 'A kiosk with a name that is rather long, near the old bus stand' });
    const code = await firstCode(page);
    await logIn(server, code, 1);
    return page.goto(server.url(`/operator/orders?q=${code}`));
  },
  'a printed voucher, before it is revoked': async (page, server) => {
    await printed(page, server);
    await page.goto(server.url(`/operator/orders?q=${await firstCode(page)}`));
    const answer = answered(page);
    await page.getByRole('link', { name: 'Revoke the voucher' }).click();
    return answer;
  },
  'the sales, by phone and for cash': async (page, server) => {
    await sold(server);
    await printed(page, server);
    await logIn(server, await firstCode(page), 0);
    return page.goto(server.url('/operator/sales'));
  },
  'the routers': async (page, server) => {
    await router(server, 'any', 'anywhere-in-the-old-town');
    return page.goto(server.url('/operator/routers'));
  },
  'the routers, when one cannot be added': async (page, server) => {
    await page.goto(server.url('/operator/routers'));
    await page.locator('#name').fill('bar');
    await page.locator('#address').fill('10.0.0');
    const answer = answered(page);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    return answer;
  },
  'the script of a router': async (page, server) => {
    await router(server, '10.0.0.9', 'kiosk');
    return page.goto(server.url('/operator/routers/kiosk'));
  },
  'a router, before it is changed': async (page, server) => {
    await router(server, '10.0.0.8', 'pool');
    return page.goto(server.url('/operator/routers/pool/change'));
  },
  'a router, before it is removed': async (page, server) => {
    await router(server, '10.0.0.8', 'pool');
    return page.goto(server.url('/operator/routers/pool/remove'));
  },
  'who is on-line': async (page, server) => {
    await printed(page, server);
    await logIn(server, await firstCode(page), 2);
    return page.goto(server.url('/operator/sessions'));
  },
  'a session, before it is ended': async (page, server) => {
    await printed(page, server);
    const code = await firstCode(page);
    await logIn(server, code, 2);
    const id = await server.ask(`SELECT radacctid FROM radacct WHERE username = '${code}'`);
    return page.goto(server.url(`/operator/sessions/${id}/disconnect`));
  },
  'a price, before it is changed': visit('/operator/packages/daily/price'),
  'an invalid price': async (page, server) => {
    await page.goto(server.url('/operator/packages/daily/price'));
    await page.evaluate(() => { document.querySelector('main form').noValidate = true; });
    await page.locator('#price').fill('-5');
    const answer = answered(page);
    await page.getByRole('button', { name: 'Change the price' }).click();
    return answer;
  },
  'a package, before it is retired': visit('/operator/packages/weekly/retire'),
  'a token, before it is ended': async (page, server) => {
    const name = `asha${Date.now()}`;
    await server.command('operator', 'add', name, '--role', 'viewer');
    return page.goto(server.url(`/operator/people/${name}/disable`));
  },
  'a sheet of vouchers': async (page, server) => {
    await printed(page, server);
    return page.reload();
  },
  'a sheet of vouchers for a roll': async (page, server) => {
    await printed(page, server);
    const answer = answered(page);
    await page.getByRole('link', { name: '58 mm roll' }).click();
    return answer;
  },
  'a batch, before it is revoked': async (page, server) => {
    await printed(page, server);
    const answer = answered(page);
    await page.getByRole('link', { name: 'Revoke the unused cards' }).click();
    return answer;
  },
  'the operators, with a new token': async (page, server) => {
    await page.goto(server.url('/operator/people'));
    await page.locator('#name').fill(`juma${Date.now()}`);
    const answer = answered(page);
    await page.locator('#proof').fill(TOKEN);
    await page.getByRole('button', { name: 'Make a token' }).click();
    return answer;
  },
  'my access': visit('/operator/access'),
  'the audit log': async (page, server) => {
    await page.goto(server.url(`/operator/orders/${(await sold(server)).order_id}`));
    return page.goto(server.url('/operator/audit'));
  },
  'an unknown page': visit('/operator/nothing'),
};

/** Adds a router, unless it is there from an earlier test. */
function router(server, address, name) {
  return server.sql(
    "INSERT INTO nas (nasname, shortname, type, secret) " +
    `SELECT '${address}', '${name}', 'mikrotik', 'secret-of-router' ` +
    `WHERE NOT EXISTS (SELECT 1 FROM nas WHERE shortname = '${name}')`);
}

/** Fills the form of a new package. */
export async function fillPackage(page, code) {
  const fields = {
    code, name_sw: 'Saa moja', name_en: 'One hour', price: '500', minutes: '60',
    down: '5120', up: '2048', devices: '1',
  };
  for (const [name, value] of Object.entries(fields)) {
    await page.locator(`#${name}`).fill(value);
  }
}

/** The code on the first card of the sheet that is open. */
export async function firstCode(page) {
  const shown = await page.locator('.sheet .code').first().innerText();
  return shown.replace(/\s/g, '');
}

/** Inserts a first log-in with this code `minutes` ago, as FreeRADIUS writes it. */
export function logIn(server, code, minutes = 30) {
  return server.sql(
    "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, " +
    `acctinputoctets, acctoutputoctets) VALUES ('${code}', '${code}', '${code}', '10.0.0.1', ` +
    `CAST(strftime('%s', 'now', '-${minutes} minutes') AS integer), 1000000, 2000000)`);
}

/** Makes a batch of vouchers; ends on its sheet. */
export async function printed(page, server, { count = 12, note = 'Duka la Asha' } = {}) {
  await page.goto(server.url('/operator/vouchers'));
  await page.locator('#count').fill(String(count));
  await page.locator('#note').fill(note);
  await page.getByRole('button', { name: 'Make and print' }).click();
  await page.locator('.sheet').waitFor();
}
