// The hotspot of a router: log-ins by PAP, CHAP and cookie, sessions with their limits, and accounting. By
// MikroTik's manuals "HotSpot", "HotSpot customisation" and "RADIUS"; texts of errors.txt as shipped.

import { createHash, randomBytes } from 'node:crypto';

import { CODE } from './radius.mjs';

const CAUSE = { userRequest: 1, lostCarrier: 2, idleTimeout: 4, sessionTimeout: 5, adminReset: 6 };
const STATUS = { start: 1, stop: 2, interim: 3, on: 7 };
const ERRORS = {
  unknown: 'invalid username or password',
  sessions: (name) => `no more sessions are allowed for user ${name}`,
  chap: 'web browser did not send challenge response (try again, enable JavaScript)',
  silent: 'RADIUS server is not responding',
};
const SECONDS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 };

/** `3d` in seconds. */
const seconds = (text) => [...text.matchAll(/(\d+)([wdhms])/g)].reduce((sum, [, count, unit]) => sum + count * SECONDS[unit], 0);

export class Hotspot {
  /** `nasAddress`: the address that the router gives itself. */
  constructor(device, { nasAddress = '192.168.88.1' } = {}) {
    Object.assign(this, { device, nasAddress, radius: null, ahead: 0, count: 0, sessions: new Map(), cookies: new Map() });
    /** The log-ins that were tried, and what became of each: `{ way, username, error }`. */
    this.logins = [];
  }

  /** In seconds; `ahead` is how far a test has moved the router's clock. */
  now() { return Date.now() / 1000 + this.ahead; }

  get server() { return this.device.tables['/ip/hotspot'][0]; }
  get profile() { return this.device.tables['/ip/hotspot/profile'].find(({ name }) => name === this.server.profile); }
  ways() { return this.profile['login-by'].split(','); }

  /** A new challenge for this device, as its log-in page shows it; null if none is asked for. */
  challenge(host) {
    if (!this.ways().includes('http-chap')) { return null; }
    // The page has them in a script, where these characters would end the text.
    const bytes = (size) => Buffer.from([...randomBytes(size)].map((byte) => (byte === 0 ? 1 : byte)));
    host.challenge = { id: bytes(1)[0], challenge: bytes(16) };
    return host.challenge;
  }

  /** A log-in from the page. Returns why not, or null. */
  async login(host, username, password) {
    const { challenge } = host;
    let proof = { password };
    if (challenge && /^[0-9a-f]{32}$/.test(password)) {
      proof = { ...challenge, response: Buffer.from(password, 'hex') };
    } else if (!this.ways().includes('http-pap')) {
      return this.tried('none', username, ERRORS.chap);
    }
    return this.admit(host, username, proof, proof.response ? 'chap' : 'pap');
  }

  /** A log-in by the browser's cookie; one that fails is forgotten. */
  async loginByCookie(host, key) {
    const cookie = this.ways().includes('cookie') ? this.cookies.get(key) : undefined;
    if (!cookie || cookie.mac !== host.mac || cookie.until < this.now()) { return false; }
    const isIn = await this.admit(host, cookie.username, cookie.proof, 'cookie') === null;
    if (!isIn) { this.cookies.delete(key); }
    return isIn;
  }

  tried(way, username, error) {
    this.logins.push({ way, username, error });
    return error;
  }

  async admit(host, username, proof, way) {
    const local = this.device.tables['/ip/hotspot/user'].find(({ name }) => name === username);
    const limit = this.device.tables['/ip/hotspot/user/profile'].find(({ name }) => name === 'default')['shared-users'];
    const open = [...this.sessions.values()].filter((session) => session.username === username).length;
    if (limit !== 'unlimited' && open >= Number(limit)) { return this.tried(way, username, ERRORS.sessions(username)); }
    const session = { host, username, id: this.nextId(), began: this.now(), active: this.now(), up: 0, down: 0, limits: {} };
    if (local) {
      if (!answers(local.password, proof)) { return this.tried(way, username, ERRORS.unknown); }
    } else {
      if (this.profile['use-radius'] !== 'yes' || !this.radius) { return this.tried(way, username, ERRORS.unknown); }
      const answer = await this.radius.login(this.describe(session), proof);
      if (!answer) { return this.tried(way, username, ERRORS.silent); }
      if (answer.code !== CODE.accept) {
        return this.tried(way, username, answer.values['Reply-Message'] || ERRORS.unknown);
      }
      session.limits = answer.values;
      session.isAccounted = this.profile['radius-accounting'] === 'yes';
    }
    session.reported = session.began;
    host.session = session;
    this.sessions.set(session.id, session);
    await this.account(session, STATUS.start);
    if (this.ways().includes('cookie') && way !== 'cookie') {
      const key = randomBytes(16).toString('hex');
      const until = this.now() + seconds(this.profile['http-cookie-lifetime']);
      this.cookies.set(key, { username, proof, mac: host.mac, until });
      host.newCookie = { key, lasts: seconds(this.profile['http-cookie-lifetime']) };
    }
    return this.tried(way, username, null);
  }

  /** Ids count from the beginning after each start of the router. */
  nextId() {
    this.count += 1;
    return (0x8000_0000 + this.count).toString(16);
  }

  describe(session) {
    const { host } = session;
    return {
      'User-Name': session.username, 'NAS-Port-Type': 19, 'Calling-Station-Id': host.mac, 'Called-Station-Id': this.server.name,
      'NAS-Port-Id': this.server.interface, 'NAS-Port': parseInt(session.id, 16), 'Acct-Session-Id': session.id,
      'Framed-IP-Address': host.ip, 'NAS-Identifier': this.device.tables['/system/identity'].name, 'NAS-IP-Address': this.nasAddress,
    };
  }

  async account(session, status, cause) {
    if (!session.isAccounted) { return; }
    session.reported = this.now();
    await this.radius.account({
      ...this.describe(session), 'Acct-Status-Type': status, 'Acct-Authentic': 1,
      'Event-Timestamp': Math.floor(Date.now() / 1000),
      ...(status === STATUS.start ? {} : {
        'Acct-Session-Time': Math.floor(this.now() - session.began), 'Acct-Input-Octets': session.up,
        'Acct-Output-Octets': session.down,
      }),
      ...(cause ? { 'Acct-Terminate-Cause': cause } : {}),
    });
  }

  async end(session, cause) {
    if (!this.sessions.delete(session.id)) { return; }
    session.host.session = null;
    await this.account(session, STATUS.stop, cause);
    session.host.onEnd?.();
  }

  /** Waits until this device's session has ended and is reported. */
  ended(host) { return new Promise((resolve) => { host.onEnd = resolve; }); }

  logout(host) { return host.session && this.end(host.session, CAUSE.userRequest); }

  /** Moves the router's clock on, step by step; guests use the Internet meanwhile, or not. */
  async advance(secs, { isUsed = false } = {}) {
    const until = this.ahead + secs;
    while (this.ahead < until) {
      this.ahead = Math.min(until, this.ahead + 60);
      if (isUsed) { this.sessions.forEach((session) => { session.active = this.now(); }); }
      await this.tick();
    }
  }

  /** Ends sessions whose time is over, and reports the others. */
  async tick() {
    for (const session of [...this.sessions.values()]) {
      const { limits } = session;
      const total = limits['Mikrotik-Total-Limit'] + 2 ** 32 * (limits['Mikrotik-Total-Limit-Gigawords'] ?? 0);
      if (this.now() - session.began >= limits['Session-Timeout'] || session.up + session.down >= total) {
        await this.end(session, CAUSE.sessionTimeout);
      } else if (this.now() - session.active >= limits['Idle-Timeout']) {
        await this.end(session, CAUSE.idleTimeout);
      } else if (this.now() - session.reported >= limits['Acct-Interim-Interval']) {
        await this.account(session, STATUS.interim);
      }
    }
  }

  /** What a guest has sent and received just now. */
  used(host, up, down) {
    if (!host.session) { return; }
    host.session.active = this.now();
    host.session.up += up;
    host.session.down += down;
  }

  /** A Disconnect-Request: ends the session that it names. */
  async disconnected(values) {
    const session = this.sessions.get(values['Acct-Session-Id']);
    if (!session || session.username !== values['User-Name']) { return false; }
    if (values['Framed-IP-Address'] && values['Framed-IP-Address'] !== session.host.ip) { return false; }
    await this.end(session, CAUSE.adminReset);
    return true;
  }

  /** The power was away: sessions are gone without a report, cookies and the clock stay. */
  async reboot() {
    for (const session of this.sessions.values()) { session.host.session = null; }
    this.sessions.clear();
    this.count = 0;
    await this.boot();
  }

  async boot() {
    await this.radius?.account({
      'Acct-Status-Type': STATUS.on, 'NAS-Identifier': this.device.tables['/system/identity'].name,
      'NAS-IP-Address': this.nasAddress, 'Acct-Session-Id': '00000000', 'Event-Timestamp': Math.floor(Date.now() / 1000),
    });
  }
}

/** Whether a proof is that of this password. */
function answers(password, proof) {
  if (!proof.response) { return proof.password === password; }
  const parts = [Buffer.from([proof.id]), Buffer.from(password), proof.challenge];
  return createHash('md5').update(Buffer.concat(parts)).digest().equals(proof.response);
}
