// A real FreeRADIUS with the shipped configuration, of which only settings.conf is filled in.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { endWithTheFile } from './started.mjs';

const shipped = fileURLToPath(new URL('../../../deploy/freeradius', import.meta.url));
/** That of 127.0.0.1. */
export const SECRET = 'loopback-secret-of-the-tests';

/** A port that nothing uses just now. */
export async function freePort() {
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

export class FreeRadius {
  /** Starts on a database of malipo: its URL. `address` is where routers reach it. */
  static async start(database, address = '127.0.0.1') {
    const radius = new FreeRadius();
    radius.secret = SECRET;
    radius.folder = await mkdtemp(path.join(tmpdir(), 'malipo-radius-'));
    await cp(shipped, radius.folder, { recursive: true });
    radius.ports = { auth: await freePort(), acct: await freePort() };
    const url = new URL(database);
    const settings = {
      local_secret: SECRET, listen_address: address, auth_port: radius.ports.auth,
      acct_port: radius.ports.acct, run_folder: radius.folder,
      ...(url.protocol === 'sqlite:'
        ? { database: 'sqlite', sqlite_file: url.pathname }
        : {
          database: 'postgresql', postgresql_server: url.hostname, postgresql_port: url.port,
          postgresql_user: url.username, postgresql_database: url.pathname.slice(1),
        }),
    };
    const queries = process.env.MALIPO_TEST_FREERADIUS_QUERIES;
    if (queries) { settings.stock_queries = queries; }
    const file = path.join(radius.folder, 'settings.conf');
    let text = await readFile(file, 'utf8');
    for (const [name, value] of Object.entries(settings)) {
      const line = new RegExp(`^${name} = .*$`, 'm');
      if (!line.test(text)) { throw new Error(`settings.conf has no ${name}`); }
      text = text.replace(line, `${name} = ${Number.isInteger(Number(value)) ? value : `"${value}"`}`);
    }
    await writeFile(file, text);
    await radius.run();
    return radius;
  }

  async run() {
    // Debian has it in a folder that is not in everybody's PATH.
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    this.process = spawn('freeradius', ['-fxx', '-l', 'stdout', '-d', this.folder], { env });
    endWithTheFile(() => this.stop());
    this.ended = new Promise((resolve) => this.process.on('close', resolve));
    let output = '';
    const ready = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.stdout.on('data', (data) => {
        // With -xx it logs every query; only the beginning is of interest.
        if (output === null) { return; }
        output += data;
        if (output.includes('Ready to process requests')) { output = null; resolve(); }
      });
      this.ended.then((code) => reject(new Error(`freeradius ended with ${code}: ${output}`)));
    });
    await ready;
  }

  /** Sends an Access-Request with these attributes, as text of radclient. Returns the reason of the Reject, or null. */
  async refusal(attributes) {
    const client = spawn('radclient', ['-x', '-r', '3', '-t', '10', `127.0.0.1:${this.ports.auth}`, 'auth', SECRET]);
    client.stdin.end(`${attributes.join('\n')}\nMessage-Authenticator = 0x00\n`);
    let output = '';
    client.stdout.on('data', (data) => { output += data; });
    client.stderr.on('data', (data) => { output += data; });
    await new Promise((resolve) => client.on('close', resolve));
    if (output.includes('Received Access-Accept')) { return null; }
    const reason = /Received Access-Reject[^]*Reply-Message = "([^"]*)"/.exec(output);
    if (!reason) { throw new Error(`radclient: ${output}`); }
    return reason[1];
  }

  async stop() {
    this.process.kill('SIGKILL');
    await this.ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}
