// A hotspot as a whole: `malipo`, its database, FreeRADIUS, the Internet, and routers by which guests reach them.

import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { FreeRadius } from './freeradius.mjs';
import { Router } from './router.mjs';
import { Server } from './server.mjs';
import { endWithTheFile } from './started.mjs';

let databases = 0;

/** The URL of a new PostgreSQL database. */
export function newDatabase() {
  const server = process.env.MALIPO_TEST_POSTGRES;
  if (!server) { throw new Error('MALIPO_TEST_POSTGRES is not set: run scripts/with-postgres npm test'); }
  databases += 1;
  const name = `hotspot_${process.pid}_${databases}`;
  execFileSync('psql', ['-q', `${server}/postgres`, '-c', `CREATE DATABASE ${name}`]);
  return `${server}/${name}`;
}

/** A site of the Internet. */
async function site() {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>News</title><h1>The news</h1>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  endWithTheFile(() => { server.closeAllConnections?.(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

export class World {
  /** `kind`: the database, SQLite or PostgreSQL; `changes`: of the configuration. */
  static async start({ kind = 'SQLite', changes = {} } = {}) {
    const world = new World();
    world.server = await Server.startPublic({
      ...(kind === 'SQLite' ? {} : { database: { url: newDatabase() } }), ...changes,
      // What routers are told, which is no address of this machine; the routers of the tests find FreeRADIUS.
      radius: { server: '192.0.2.1:1812', secret: 'not-used-by-tests', proofs_per_min: 0 },
      portal: { support_phone: '0712 000 111', brand: 'Pwani Wi-Fi', login_hosts: 'wifi.test', ...changes.portal },
    });
    world.radius = await FreeRadius.start(world.server.env.MALIPO__DATABASE__URL);
    world.names = { [new URL(world.server.base).host]: world.server.base, 'news.test': await site() };
    return world;
  }

  /** A router that the owner has set up with our script. */
  router(options = {}) { return Router.install(this.server, { names: this.names, radius: this.radius, ...options }); }
}

/** Takes a picture of a step into the folder of MALIPO_TEST_SHOTS, if that is set. */
export async function shot(page, name) {
  const folder = process.env.MALIPO_TEST_SHOTS;
  if (!folder) { return; }
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
