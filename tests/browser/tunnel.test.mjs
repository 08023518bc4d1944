// The tunnel of a router behind NAT: both ends, as `malipo router script NAME --wireguard` prints them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { newDevice } from './support/routeros/device.mjs';
import { RouterError } from './support/routeros/syntax.mjs';
import { Terminal } from './support/routeros/terminal.mjs';
import { Server } from './support/server.mjs';
import { endAll } from './support/started.mjs';

let server;

before(async () => {
  server = await Server.start({ server: { public_url: 'http://portal.test' }, sandbox: { allow_remote: true } });
  await server.command('router', 'add', '203.0.113.7', '--name', 'bar');
  await server.command('router', 'add', 'any', '--name', 'pool');
});
after(endAll);

function terminal(version) {
  const device = newDevice({ version });
  device.resolve = () => '203.0.113.5';
  device.fetch = async () => 'fetched';
  return new Terminal(device);
}

/** The file of the server, and the lines for the router. */
async function ends(name) {
  const printed = await server.command('router', 'script', name, '--wireguard');
  const [file, lines] = printed.split(/^# The router: .*$/m);
  return { file, lines };
}

const withoutIds = (all) => JSON.parse(JSON.stringify(all, (key, value) => (key === '.id' ? undefined : value)));

test('RouterOS 7 takes the tunnel, once and again, and FreeRADIUS knows the router by its address there', async () => {
  const { lines, file } = await ends('bar');
  const router = terminal('7.16.2');
  router.device.tables['/ip/firewall/filter'].push({ '.id': '*ff', chain: 'input', action: 'drop', dynamic: 'no' });

  await router.paste(lines);
  const once = withoutIds(router.device.tables);
  await router.paste(lines);

  assert.deepEqual(withoutIds(router.device.tables), once, 'pasting again changes nothing');
  const own = once['/ip/address'].find(({ comment }) => comment === 'malipo-tunnel');
  assert.deepEqual(own, {
    address: '10.213.0.2/32', network: '10.213.0.1', interface: 'malipo', comment: 'malipo-tunnel',
  });
  assert.equal(once['/radius'][0].address, '10.213.0.1');
  assert.equal(once['/interface/wireguard/peers'][0]['allowed-address'], '10.213.0.1/32');
  assert.equal(await server.ask("SELECT nasname FROM nas WHERE shortname = 'bar'"), '10.213.0.2');
  assert.deepEqual(await ends('bar'), { lines, file }, 'a second print is the same');
  await assert.rejects(terminal('6.49.17').paste(lines), RouterError);
});

test('the file of the server has every router, and wg-quick and wg take it', async (t) => {
  await ends('bar');
  const { file, lines } = await ends('pool');
  const folder = mkdtempSync(join(tmpdir(), 'malipo-tunnel-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'malipo.conf');
  writeFileSync(path, file, { mode: 0o600 });

  const stripped = execFileSync('wg-quick', ['strip', path]).toString();

  const key = (name, text) => new RegExp(`${name}\\s?=\\s?"?([A-Za-z0-9+/]{43}=)`).exec(text)[1];
  const publicKey = (privateKey) => execFileSync('wg', ['pubkey'], { input: privateKey }).toString().trim();
  assert.equal(stripped.match(/\[Peer\]/g).length, 2);
  assert.match(stripped, /AllowedIPs = 10\.213\.0\.2\/32[^]*AllowedIPs = 10\.213\.0\.3\/32/);
  assert.ok(stripped.includes(publicKey(key('private-key', lines))), 'the server knows the key of the router');
  assert.equal(key('public-key', lines), publicKey(key('PrivateKey', stripped)), 'the router knows the key of the server');
});
