// The script that `malipo` prints, in RouterOS 6.49 and 7; and that our RouterOS refuses what a real one does.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { newDevice } from './support/routeros/device.mjs';
import { fill } from './support/routeros/page.mjs';
import { RouterError } from './support/routeros/syntax.mjs';
import { Terminal } from './support/routeros/terminal.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

const VERSIONS = ['6.48.6', '6.49.17', '7.14.3', '7.16.2'];

let server;
let script;

before(async () => {
  server = await Server.start({
    server: { public_url: 'http://portal.test' }, sandbox: { allow_remote: true },
  });
  script = await server.command('nas', 'add', '10.0.0.1', '--name', 'bar', '--coa-port', '1700');
});
after(endAll);

function terminal(options) {
  const device = newDevice(options);
  device.fetched = [];
  device.resolve = (name) => (name === 'portal.test' ? '203.0.113.5' : null);
  device.fetch = async (url) => { device.fetched.push(url); return 'fetched'; };
  return new Terminal(device);
}

async function refused(text, message, options) {
  await assert.rejects(terminal(options).paste(text), (error) => error instanceof RouterError && message.test(error.message),
    `RouterOS takes ${text}`);
}

for (const version of VERSIONS) {
  test(`RouterOS ${version} takes the script, once and again`, async () => {
    const router = terminal({ version });
    const { tables } = router.device;

    const first = await router.paste(script);
    const before = structuredClone(tables);
    const again = await router.paste(script);

    const isNew = version === '7.16.2';
    assert.equal(first.length, isNew ? 1 : 2, first.join('\n'));
    assert.match(first.at(-1), /portal\.login_hosts must have wifi\.test/);
    assert.deepEqual(again, first);
    const withoutIds = (all) => JSON.parse(JSON.stringify(all, (key, value) => (key === '.id' ? undefined : value)));
    assert.deepEqual(withoutIds(tables), withoutIds(before), 'pasting again changes nothing');
    const secret = await server.ask("SELECT secret FROM nas WHERE shortname = 'bar'");
    const [radius] = tables['/radius'];
    assert.deepEqual(withoutIds(radius), {
      service: 'hotspot', address: '203.0.113.5', secret, timeout: '3s', comment: 'malipo',
      ...(isNew ? { 'require-message-auth': 'yes-for-request-resp' } : {}),
    });
    assert.deepEqual(tables['/radius/incoming'], { accept: 'yes', port: '1700' });
    const profile = tables['/ip/hotspot/profile'].find(({ name }) => name === 'hsprof1');
    assert.equal(profile['use-radius'], 'yes');
    assert.equal(profile['login-by'], 'http-pap,cookie');
    const unused = tables['/ip/hotspot/profile'].find(({ name }) => name === 'default');
    assert.equal(unused['use-radius'], 'no', 'a profile without a server stays as it is');
    assert.equal(tables['/ip/hotspot/user/profile'][0]['shared-users'], 'unlimited');
    assert.deepEqual(tables['/ip/hotspot/user'].map(({ name }) => name), ['default-trial'], 'the user of the setup is gone');
    assert.deepEqual(tables['/ip/hotspot/walled-garden'].map((row) => row['dst-host']), ['portal.test']);
    assert.deepEqual(tables['/ip/hotspot/walled-garden/ip'], []);
    assert.deepEqual(tables['/ip/dhcp-server/option'], []);
    const files = Object.fromEntries(tables['/file'].map(({ name, contents }) => [name, contents]));
    assert.equal(files['hotspot/login.html'], 'fetched');
    assert.equal(files['hotspot/api.json'], 'fetched');
    assert.deepEqual(router.device.fetched.slice(0, 2), [
      'http://portal.test/router/login.html', 'http://portal.test/router/api.json',
    ]);
  });
}

test('every hotspot of a router gets its own profile set, and its pages in their folder', async () => {
  const router = terminal({ servers: 1, folder: 'flash/hotspot' });

  const printed = await router.paste(script);

  const { tables } = router.device;
  const using = tables['/ip/hotspot/profile'].filter((row) => row['use-radius'] === 'yes').map(({ name }) => name);
  assert.deepEqual(using, ['hsprof1', 'hsprof2']);
  assert.match(printed.at(-1), /10\.5\.52\.1$/, 'without a DNS name the address');
  const files = tables['/file'].filter(({ contents }) => contents === 'fetched').map(({ name }) => name);
  assert.deepEqual(files, ['flash/hotspot/login.html', 'flash/hotspot/api.json']);
});

test('with a certificate phones are told where to ask, and HTTPS stays', async () => {
  for (const version of VERSIONS) {
    const router = terminal({ version, certificate: 'wifi' });

    await router.paste(script);

    const { tables } = router.device;
    const profile = tables['/ip/hotspot/profile'].find(({ name }) => name === 'hsprof1');
    assert.equal(profile['login-by'], 'https,http-pap,cookie');
    const options = tables['/ip/dhcp-server/option'].map(({ code, value }) => `${code} ${value}`);
    const networks = tables['/ip/dhcp-server/network'].map((row) => row['dhcp-option'] ?? '');
    const isOld = version.startsWith('6.');
    assert.deepEqual(options, isOld ? ["114 'https://wifi.test/api'"] : []);
    assert.deepEqual(networks, isOld ? ['', 'malipo'] : ['', '']);
  }
});

test('a router without a hotspot, or without the portal, says so', async () => {
  const none = terminal();
  none.device.tables['/ip/hotspot'] = [];
  await assert.rejects(none.paste(script), /Run \/ip hotspot setup first/);
  assert.deepEqual(none.device.tables['/radius'], [], 'nothing is changed');

  const away = terminal();
  away.device.fetch = async () => { throw new RouterError('failure: connection timeout'); };
  const printed = await away.paste(script);
  assert.match(printed[0], /could not be fetched/);
  assert.equal(away.device.tables['/radius'].length, 1);
});

test('the script names other users of the router, who need no voucher, and leaves them', async () => {
  const router = terminal();
  await router.paste('/ip hotspot user add name=cashier password=1234\n/ip hotspot user add name=gone disabled=yes');

  const printed = await router.paste(script);

  assert.deepEqual(printed.filter((line) => /user of the router itself/.test(line)).length, 1, printed.join('\n'));
  assert.match(printed[0], /^malipo: cashier is a user .* \/ip hotspot user remove cashier$/);
  const names = router.device.tables['/ip/hotspot/user'].map(({ name }) => name);
  assert.deepEqual(names, ['default-trial', 'cashier', 'gone']);
});

test('a router that must sign, and cannot, says so and not that all is done', async () => {
  const marked = await server.command('nas', 'add', '10.0.0.2', '--name', 'pool', '--require-message-auth');

  for (const version of ['6.49.17', '7.14.3']) {
    await refused(marked, /FreeRADIUS will not answer this router\. Update RouterOS/, { version });
  }
  const printed = await terminal({ version: '7.16.2' }).paste(marked);
  assert.match(printed.at(-1), /^malipo: done/);
});

test('a router whose device-mode keeps it from fetching says so', async () => {
  const router = terminal();
  await router.paste('/system/device-mode/update fetch=no');
  const printed = await router.paste(script);
  assert.match(printed[0], /could not be fetched/);

  await router.paste('/system/device-mode/update hotspot=yes fetch=yes');
  const again = await router.paste(script);
  assert.deepEqual(again.filter((line) => /fetched/.test(line)), []);
  await refused('/system/device-mode/print', /bad command name/, { version: '6.49.17' });
});

test('our RouterOS refuses what a real one does', async () => {
  const profile = '/ip hotspot profile set [find name=hsprof1]';
  for (const [text, message, options] of [
    ['/ip hotspots profile print', /bad command name hotspots/],
    ['/ip hotspot profile change hsprof1', /bad command name change/],
    [`${profile} use-radios=yes`, /expected end of command, and not use-radios/],
    [`${profile} login-by=http-pop,cookie`, /invalid value for argument login-by/],
    [`${profile} login-by=cookie`, /invalid value for argument login-by/],
    [`${profile} use-radius=true`, /invalid value for argument use-radius/],
    [`${profile} radius-interim-update=soon`, /invalid value/],
    ['/ip hotspot profile set hsprof9 use-radius=yes', /no such item/],
    ['/ip hotspot user remove [find]', /can not remove default/],
    ['/ip hotspot set hotspot1 profile=hsprof9', /does not match any value of profile/],
    ['/radius add service=hotspot address=portal.test secret=a', /invalid value for argument address/],
    ['/radius add service=hotspot address=ADDRESS-OF-FREERADIUS secret=a', /invalid value for argument address/],
    ['/radius add service=hotspot address=10.0.0.1 secret="a', /expected closing quote/],
    ['/radius add service=hotspot address=10.0.0.1 secret="a$b"', /there is no variable b/],
    ['/radius add service=hotspot address=10.0.0.1 secret="\\z"', /bad escape/],
    ['/radius add address=10.0.0.1 require-message-auth=yes-for-request-resp', /not require-message-auth/, { version: '7.14.3' }],
    ['/radius add address=10.0.0.1 require-message-auth=yes-for-request-resp', /not require-message-auth/, { version: '6.49.17' }],
    ['/radius add address=10.0.0.1 require-message-auth=maybe', /invalid value/],
    ['/interface wireguard add name=malipo', /bad command name wireguard/, { version: '6.49.17' }],
    ['/tool fetch url="http://portal.test/a?b=1"', /shows its help/, { version: '6.49.17' }],
    [':local a 1\n:put $a', /there is no variable a/],
    ['{\n:put 1\n:puts 2\n}', /bad command name puts/],
    ['{ :put 1', /expected "}"/],
    [':put 1 }', /expected end of command/],
    [':if (1 = 1 do={ :put 1 }', /expected/],
    ['/ip hotspot walled-garden add dst-host=a action=accept', /invalid value for argument action/],
    ['/ip hotspot walled-garden ip add dst-address=300.1.1.1 action=accept', /invalid value/],
    ['/ip dhcp-server option add name=a code=114 value="x" force=yes', /not force/, { version: '6.49.17' }],
    ['/ip hotspot walled-garden add dst-host="p\u00e9.test" action=allow', /character/],
  ]) {
    await refused(text, message, options);
  }
});

test('what is wrong in a block keeps all of it from running', async () => {
  const router = terminal();
  await assert.rejects(router.paste(`{\n/radius remove [find]\n/radius add service=hotspot address=10.0.0.1 secrets=a\n}`), RouterError);
  const spoiled = script.replace('login-by=http-pap,cookie', 'login-by=http-pap,cookies');
  await assert.rejects(router.paste(spoiled), /login-by/);
  assert.deepEqual(router.device.tables['/radius'], []);
});

test('no router of ours takes the key of 7.15 outside a text that is parsed later', async () => {
  const direct = script.replace(/:local hsSign.*\n\$hsSign\n/, '/radius set [find comment="malipo"] require-message-auth=yes-for-request-resp\n');
  assert.notEqual(direct, script);
  await terminal({ version: '7.16.2' }).paste(direct);
  await refused(direct, /require-message-auth/, { version: '6.49.17' });
});

test('the variables of a page are filled in as the manual says', () => {
  const values = { error: '', username: 'a"b&c', 'logged-in': 'no', mac: 'AA:BB', 'chap-id': '' };
  const page = "$(if error)E$(elif logged-in == 'yes')Y$(elif mac)$(if chap-id)C$(else)$(mac-esc)$(endif)$(else)N$(endif) $(username)";

  assert.equal(fill(page, values), 'AA%3ABB a&quot;b&amp;c');
  assert.equal(fill(page, { ...values, error: 'x' }), 'E a&quot;b&amp;c');
  assert.equal(fill(page, { ...values, mac: '' }), 'N a&quot;b&amp;c');
  for (const wrong of ['$(if error)', '$(endif)', '$(no-such)', '$(if no-such)$(endif)']) {
    assert.throws(() => fill(wrong, values), Error, wrong);
  }
});
