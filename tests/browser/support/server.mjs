// A `malipo` process on a free port, with its own temporary SQLite database.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { endWithTheFile } from './started.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const binary = process.env.MALIPO_BIN ??
  path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, 'target'), 'debug', 'malipo');

/** The configuration that tests start from: the subscriber decides only when asked, high limits. */
const usual = {
  server: { bind: '127.0.0.1:0' },
  portal: { support_phone: '0712 000 111', brand: 'Pwani Wi-Fi' },
  sandbox: { approve_after_ms: '0' },
  limits: { prompts_per_phone: '1000', unpaid_per_phone_day: '1000' },
  operator: { token: 'operator-token-of-the-tests' },
  log: { filter: process.env.MALIPO_TEST_LOG ?? 'off' },
};

export class Server {
  /** Starts a server and waits until it prints its address. */
  static async start(changes = {}) {
    if (!existsSync(binary)) {
      throw new Error(`${binary} is missing: run cargo build, or scripts/test`);
    }
    const folder = await mkdtemp(path.join(tmpdir(), 'malipo-browser-'));
    const server = new Server();
    server.folder = folder;
    server.changes = changes;
    await server.run();
    return server;
  }

  /** The same with its own address as `server.public_url`: then vouchers have a QR code. */
  static async startPublic(changes = {}) {
    const server = await Server.start(changes);
    await server.halt('SIGTERM');
    server.changes = { ...changes, server: { ...changes.server, public_url: server.base } };
    await server.run();
    return server;
  }

  async run() {
    const sections = { ...usual, database: { url: `sqlite://${this.folder}/malipo.db?mode=rwc` } };
    for (const [section, keys] of Object.entries(this.changes)) {
      sections[section] = { ...sections[section], ...keys };
    }
    if (this.base) { sections.server = { ...sections.server, bind: new URL(this.base).host }; }
    const env = { PATH: process.env.PATH };
    for (const [section, keys] of Object.entries(sections)) {
      for (const [key, value] of Object.entries(keys)) {
        env[`MALIPO__${section}__${key}`.toUpperCase()] = String(value);
      }
    }
    this.env = env;
    this.process = spawn(binary, ['serve'], { cwd: this.folder, env });
    this.ended = new Promise((resolve) => this.process.on('exit', resolve));
    endWithTheFile(() => this.stop());
    let output = '';
    this.process.stderr.on('data', (data) => {
      output += data;
      if (process.env.MALIPO_TEST_LOG) { process.stderr.write(data); }
    });
    this.base = await new Promise((resolve, reject) => {
      this.process.stdout.on('data', (data) => {
        output += data;
        const served = /serves at (http:\/\/[^ ]+)/.exec(output);
        if (served) { resolve(served[1]); }
      });
      this.ended.then((code) => reject(new Error(`malipo ended with ${code}: ${output}`)));
    });
  }

  /** Runs another command of the binary while the server runs; returns its output. */
  async command(...args) {
    const child = spawn(binary, args, { cwd: this.folder, env: this.env });
    let output = '';
    let trouble = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { trouble += data; });
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) { throw new Error(`malipo ${args.join(' ')} ended with ${code}: ${trouble}`); }
    return output.trim();
  }

  /** Whether the database is PostgreSQL. */
  get isPostgres() { return this.env.MALIPO__DATABASE__URL.startsWith('postgres'); }

  /** Runs a statement on the database while the server runs, as FreeRADIUS does; returns what it prints. */
  async sql(text, options = []) {
    const [program, ...args] = this.isPostgres
      ? ['psql', '-qAt', '-v', 'ON_ERROR_STOP=1', this.env.MALIPO__DATABASE__URL, '-c', text]
      : ['sqlite3', ...options, '-cmd', '.timeout 10000', path.join(this.folder, 'malipo.db'), text];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) { throw new Error(`${program} ended with ${code}: ${text}`); }
    return output.trim();
  }

  /** Returns the only column of the only row of a query. */
  ask(text) { return this.sql(text, ['-readonly']); }

  /** An order's id in SQL. */
  idOf(order) { return this.isPostgres ? `'${order}'` : `x'${order.replaceAll('-', '')}'`; }

  /** The link in the newest SMS about an order. */
  async ownerLink(order) {
    const sms = await this.ask(`SELECT m.body FROM sms_messages m JOIN payments p ON p.id = m.payment_id
      WHERE p.order_id = ${this.idOf(order)} ORDER BY m.id DESC LIMIT 1`);
    return /http:\S+$/.exec(sms)[0];
  }

  /** The current code of an order's voucher. */
  code(order) {
    return this.ask(`SELECT v.code FROM vouchers v JOIN payments p ON p.id = v.payment_id
      WHERE p.order_id = ${this.idOf(order)}`);
  }

  /** Ends the process with this signal; the database stays. */
  async halt(signal = 'SIGKILL') {
    this.process.kill(signal);
    await this.ended;
  }

  /** Ends the process and deletes its files. */
  async stop() {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true });
  }

  url(page) { return this.base + page; }

  async json(page, options) {
    const answer = await fetch(this.url(page), options);
    if (!answer.ok) { throw new Error(`${page}: ${answer.status} ${await answer.text()}`); }
    return answer.json();
  }

  post(page, body) {
    const headers = { 'content-type': 'application/json' };
    return this.json(page, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** The payments of the simulated ZenoPay, newest first. */
  async payments() { return (await this.json('/sandbox/payments')).payments; }

  /** The simulated subscriber of an order decides now. */
  decide(order, changes) { return this.post(`/sandbox/payments/${order}/decide`, changes); }

  /** Buys through the API; returns the order's id. */
  async buy(changes = {}) {
    const purchase = { packageId: 'daily', phoneNumber: freshPhone(), ...changes };
    return (await this.post('/api/v1/customer-portal/payment', purchase)).order_id;
  }

  status(order) { return this.json(`/api/v1/customer-portal/payment/status/${order}`); }
}

let phones = 100_000;

/** A phone number that no other order has. */
export function freshPhone() {
  phones += 1;
  return `0712${phones}`;
}
