// A CoovaChilli as far as its guests can tell, by its src/redir.c: it sends a guest to the portal with a
// challenge, signs what it says (`md`), and asks a real FreeRADIUS about the answer to the challenge.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { endWithTheFile } from './started.mjs';

const MAC = 'AA-BB-CC-00-11-22';

const md5 = (...parts) => {
  const hash = createHash('md5');
  for (const part of parts) { hash.update(part); }
  return hash.digest();
};

/** As `redir_urlencode`. */
const encoded = (text) => text.replace(/[^A-Za-z0-9\-_.!~*]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

export class Chilli {
  /** `radius` decides. `secret` is its `uamsecret`. Without `challenges` it has `nochallenge`. */
  static async start({ secret = '', challenges = true } = {}) {
    const chilli = new Chilli();
    Object.assign(chilli, { secret, challenges, portal: null, radius: null, isOnline: false, challenge: randomBytes(16) });
    /** The requests to its own pages, as they came. */
    chilli.seen = [];
    chilli.server = createServer((request, response) => chilli.serve(request, response));
    await new Promise((resolve) => chilli.server.listen(0, '127.0.0.1', resolve));
    chilli.port = chilli.server.address().port;
    chilli.host = `127.0.0.1:${chilli.port}`;
    chilli.base = `http://${chilli.host}`;
    endWithTheFile(() => chilli.stop());
    return chilli;
  }

  /** A new challenge, as after `challengetimeout`. */
  renew() { this.challenge = randomBytes(16); }

  async serve(request, response) {
    const url = new URL(request.url, this.base);
    this.seen.push(url.pathname);
    switch (url.pathname) {
      case '/logon':
      case '/login':
        await this.logIn(response, url.searchParams);
        break;
      case '/logoff':
        this.isOnline = false;
        this.send(response, 'logoff', { challenge: true });
        break;
      default:
        // Also the request of a guest for any other site.
        if (this.isOnline) { this.send(response, 'already'); } else { this.send(response, 'notyet', { challenge: true }); }
    }
  }

  async logIn(response, fields) {
    if (this.isOnline) { this.send(response, 'already'); return; }
    const username = fields.get('username');
    const challenge = this.secret ? md5(this.challenge, this.secret) : this.challenge;
    const proof = fields.has('response')
      ? [`CHAP-Password = 0x00${fields.get('response')}`, `CHAP-Challenge = 0x${challenge.toString('hex')}`]
      : [`User-Password = "${fields.get('password')}"`];
    const reply = await this.radius.refusal([`User-Name = "${username}"`, `Calling-Station-Id = "${MAC}"`,
      'NAS-Identifier = "pwani"', ...proof]);
    if (reply === null) {
      this.isOnline = true;
      this.send(response, 'success', { uid: username, timeleft: '86000' });
    } else {
      this.renew();
      this.send(response, 'failed&reason=reject', { challenge: true, reply });
    }
  }

  /** Redirects to the portal; the order of the parameters is that of `bstring_buildurl`. */
  send(response, result, { challenge = false, uid, timeleft, reply } = {}) {
    const parts = [`res=${result}`, 'uamip=127.0.0.1', `uamport=${this.port}`];
    const add = (name, value) => { if (value) { parts.push(`${name}=${encoded(value)}`); } };
    add('challenge', challenge && this.challenges ? this.challenge.toString('hex') : '');
    add('called', '00-11-22-33-44-55');
    add('uid', uid);
    add('timeleft', timeleft);
    add('mac', MAC);
    add('ip', '10.1.0.9');
    add('reply', reply);
    add('nasid', 'pwani');
    add('userurl', 'http://news.test/');
    let url = `${this.portal}/?${parts.join('&')}`;
    if (this.secret) { url += `&md=${md5(url, this.secret).toString('hex').toUpperCase()}`; }
    response.writeHead(302, { location: url });
    response.end();
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
