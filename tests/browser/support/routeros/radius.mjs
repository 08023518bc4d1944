// RADIUS as a router speaks it: requests over UDP that are sent again, answers that are checked, and
// Disconnect-Requests. RFC 2865, 2866, 2869 (Message-Authenticator) and 5176.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

export const CODE = { accept: 2, reject: 3, accounting: 4, accounted: 5, disconnect: 40, ack: 41, nak: 42 };
const ACCESS = 1;
/** Attributes by their names in FreeRADIUS's dictionary: the number and the kind of value. */
const ATTRIBUTES = {
  'User-Name': [1], 'User-Password': [2], 'CHAP-Password': [3], 'NAS-IP-Address': [4, 'ip'], 'NAS-Port': [5, 'number'],
  'Service-Type': [6, 'number'], 'Framed-IP-Address': [8, 'ip'], 'Reply-Message': [18], 'Session-Timeout': [27, 'number'],
  'Idle-Timeout': [28, 'number'], 'Called-Station-Id': [30], 'Calling-Station-Id': [31], 'NAS-Identifier': [32],
  'Acct-Status-Type': [40, 'number'], 'Acct-Input-Octets': [42, 'number'], 'Acct-Output-Octets': [43, 'number'],
  'Acct-Session-Id': [44], 'Acct-Authentic': [45, 'number'], 'Acct-Session-Time': [46, 'number'],
  'Acct-Terminate-Cause': [49, 'number'], 'Event-Timestamp': [55, 'number'], 'CHAP-Challenge': [60],
  'NAS-Port-Type': [61, 'number'], 'Port-Limit': [62, 'number'], 'Message-Authenticator': [80],
  'Acct-Interim-Interval': [85, 'number'], 'NAS-Port-Id': [87], 'Error-Cause': [101, 'number'],
};
const NAMES = new Map(Object.entries(ATTRIBUTES).map(([name, [type]]) => [type, name]));
const MIKROTIK = 14_988;
const MIKROTIK_NAMES = new Map([[8, 'Mikrotik-Rate-Limit'], [17, 'Mikrotik-Total-Limit'], [18, 'Mikrotik-Total-Limit-Gigawords']]);

const md5 = (...parts) => createHash('md5').update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();

function encode(name, value) {
  const [type, kind] = ATTRIBUTES[name];
  let bytes = Buffer.from(value instanceof Buffer ? value : String(value));
  if (kind === 'ip') { bytes = Buffer.from(value.split('.').map(Number)); }
  if (kind === 'number') { bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); }
  return Buffer.concat([Buffer.from([type, bytes.length + 2]), bytes]);
}

/** The attributes of a packet, by name; `signed` is where the Message-Authenticator's value begins. */
function decode(packet) {
  const values = {};
  let signed = null;
  for (let at = 20; at < packet.length; at += packet[at + 1]) {
    const [type, length] = [packet[at], packet[at + 1]];
    if (length < 2) { throw new Error('a malformed packet'); }
    const bytes = packet.subarray(at + 2, at + length);
    if (type === 80) { signed = at + 2; }
    if (type === 26 && bytes.readUInt32BE(0) === MIKROTIK) {
      const name = MIKROTIK_NAMES.get(bytes[4]);
      if (name) { values[name] = bytes[4] === 8 ? bytes.subarray(6).toString() : bytes.readUInt32BE(6); }
      continue;
    }
    const name = NAMES.get(type);
    if (!name) { continue; }
    const kind = ATTRIBUTES[name][1];
    values[name] = kind === 'number' ? bytes.readUInt32BE(0) : kind === 'ip' ? bytes.join('.') : bytes.toString();
  }
  return { values, signed };
}

function assemble(code, id, authenticator, attributes) {
  const body = Buffer.concat(attributes);
  const head = Buffer.from([code, id, 0, 0]);
  head.writeUInt16BE(20 + body.length, 2);
  return Buffer.concat([head, authenticator, body]);
}

/** The signature of a packet, with this authenticator in its head. */
function signature(packet, at, authenticator, secret) {
  const copy = Buffer.from(packet);
  authenticator.copy(copy, 4);
  copy.fill(0, at, at + 16);
  return createHmac('md5', secret).update(copy).digest();
}

/** RFC 2865, section 5.2. */
function hidden(password, authenticator, secret) {
  const padded = Buffer.alloc(Math.max(16, Math.ceil(Buffer.byteLength(password) / 16) * 16));
  padded.write(password);
  let before = authenticator;
  for (let at = 0; at < padded.length; at += 16) {
    const key = md5(secret, before);
    for (let i = 0; i < 16; i += 1) { padded[at + i] ^= key[i]; }
    before = padded.subarray(at, at + 16);
  }
  return padded;
}

export class RadiusClient {
  /** `source`: the address that packets come from; `ports`: those of FreeRADIUS, which listens on `server`;
   * `signs`: sends a Message-Authenticator and takes no answer to a log-in without one. */
  static async open({ source, server = '127.0.0.1', ports, secret, signs }) {
    const client = new RadiusClient();
    Object.assign(client, { server, ports, secret, signs, id: 0, waiting: new Map() });
    client.socket = createSocket('udp4');
    client.socket.on('message', (packet) => client.waiting.get(packet[1])?.(packet));
    await new Promise((resolve) => client.socket.bind(0, source, resolve));
    return client;
  }

  /** Asks whether a guest may go on-line; `proof` is a password, or a CHAP response with its challenge. Returns
   * the code and the values of the answer, or null if none came. */
  login(attributes, proof) {
    const authenticator = randomBytes(16);
    const encoded = Object.entries(attributes).map(([name, value]) => encode(name, value));
    if (proof.response) {
      encoded.push(encode('CHAP-Password', Buffer.concat([Buffer.from([proof.id]), proof.response])));
      encoded.push(encode('CHAP-Challenge', proof.challenge));
    } else {
      encoded.push(encode('User-Password', hidden(proof.password, authenticator, this.secret)));
    }
    if (this.signs) { encoded.push(encode('Message-Authenticator', Buffer.alloc(16))); }
    const id = this.nextId();
    const packet = assemble(ACCESS, id, authenticator, encoded);
    if (this.signs) { signature(packet, packet.length - 16, authenticator, this.secret).copy(packet, packet.length - 16); }
    return this.exchange(packet, this.ports.auth, authenticator, this.signs);
  }

  account(attributes) {
    const encoded = Object.entries(attributes).map(([name, value]) => encode(name, value));
    const packet = assemble(CODE.accounting, this.nextId(), Buffer.alloc(16), encoded);
    md5(packet, this.secret).copy(packet, 4);
    return this.exchange(packet, this.ports.acct, packet.subarray(4, 20), false);
  }

  nextId() {
    this.id = (this.id + 1) % 256;
    return this.id;
  }

  /** Sends a packet three times at most; an answer that is not authentic is none. */
  async exchange(packet, port, authenticator, mustBeSigned) {
    for (let sent = 0; sent < 3; sent += 1) {
      const answer = await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(null), 3_000);
        this.waiting.set(packet[1], (received) => {
          const read = this.read(received, authenticator, mustBeSigned);
          if (read) { clearTimeout(timer); resolve(read); }
        });
        this.socket.send(packet, port, this.server);
      });
      this.waiting.delete(packet[1]);
      if (answer) { return answer; }
    }
    return null;
  }

  read(packet, authenticator, mustBeSigned) {
    const [head, rest] = [packet.subarray(0, 4), packet.subarray(20)];
    if (!md5(head, authenticator, rest, this.secret).equals(packet.subarray(4, 20))) { return null; }
    const { values, signed } = decode(packet);
    if (signed === null && mustBeSigned) { return null; }
    const isRight = signed === null ||
      signature(packet, signed, authenticator, this.secret).equals(packet.subarray(signed, signed + 16));
    return isRight ? { code: packet[0], values } : null;
  }

  close() { this.socket.close(); }
}

/** Answers Disconnect-Requests (`/radius incoming`): `end(values)` tells whether there was such a session. */
export async function listen({ source, port, secret, end }) {
  const socket = createSocket('udp4');
  socket.on('message', async (packet, peer) => {
    const [head, rest] = [packet.subarray(0, 4), packet.subarray(20)];
    if (!md5(head, Buffer.alloc(16), rest, secret).equals(packet.subarray(4, 20))) { return; }
    const { values, signed } = decode(packet);
    if (signed !== null && !signature(packet, signed, Buffer.alloc(16), secret).equals(packet.subarray(signed, signed + 16))) {
      return;
    }
    const isEnded = packet[0] === CODE.disconnect && await end(values);
    const request = packet.subarray(4, 20);
    // 503: Session Context Not Found.
    const attributes = [encode('Message-Authenticator', Buffer.alloc(16)), ...(isEnded ? [] : [encode('Error-Cause', 503)])];
    const answer = assemble(isEnded ? CODE.ack : CODE.nak, packet[1], request, attributes);
    signature(answer, 22, request, secret).copy(answer, 22);
    md5(answer, secret).copy(answer, 4);
    socket.send(answer, peer.port, peer.address);
  });
  await new Promise((resolve) => socket.bind(port, source, resolve));
  return socket;
}
