// The menus of RouterOS that a hotspot's script may use: their commands, their keys with the version that
// brought each, and the values that a key takes. Sources: MikroTik's manuals "HotSpot", "RADIUS", "DHCP",
// "Fetch", "WireGuard", "Device-mode"; the changelogs of 6.48 and 7.15; /console/inspect of 6.49 and 7.16.

const yesNo = ['yes', 'no'];
const text = null;
const time = /^(?:\d+(?:w|d|h|m|s|ms)?)+$|^\d+:\d{2}:\d{2}$/;
const port = (value) => /^\d+$/.test(value) && Number(value) > 0 && Number(value) < 65_536;
const byte = (value) => /^\d+$/.test(value) && Number(value) < 256;
const ip = (value) => /^(?:\d{1,3}\.){3}\d{1,3}$/.test(value) && value.split('.').every(byte);
const ipOrIpv6 = (value) => ip(value) || (/^[0-9a-f:]+$/i.test(value) && value.split(':').length > 2);
const prefix = (value) => ip(value.split('/')[0]) && /^[^/]+(?:\/(?:[12]?\d|3[0-2]))?$/.test(value);
const ports = (value) => value.split(',').every((part) => part.split('-').every(port));
const listOf = (...words) => (value) => value.split(',').every((word) => words.includes(word));
const loginBy = (value) => {
  const ways = value.split(',');
  const known = ['cookie', 'http-chap', 'http-pap', 'https', 'mac', 'mac-cookie', 'trial'];
  // A cookie may only be used with another way (manual "HotSpot", login-by).
  return ways.every((way) => known.includes(way)) && ways.some((way) => !way.includes('cookie'));
};
const orWords = (of, ...words) => (value) => words.includes(value) ||
  (typeof of === 'function' ? of(value) : of.test(value));
const number = /^\d+$/;
const since = (version, type) => ({ version, type });

const common = { comment: text, disabled: yesNo };
const TABLE = ['add', 'set', 'remove', 'find', 'get', 'print', 'enable', 'disable'];
const ONE = ['set', 'get', 'print'];

/** Menu: its commands, the keys that may be set, and what may only be read. */
const MENUS = {
  '/radius': [TABLE, {
    ...common, service: listOf('hotspot', 'login', 'ppp', 'wireless', 'dhcp', 'ipsec', 'dot1x'), address: ipOrIpv6,
    secret: text, timeout: time, 'authentication-port': port, 'accounting-port': port, 'src-address': ipOrIpv6,
    'called-id': text, domain: text, realm: text, 'accounting-backup': yesNo, protocol: ['udp', 'radsec'],
    'require-message-auth': since(7.15, ['no', 'yes', 'yes-for-request-resp']),
  }],
  '/radius/incoming': [ONE, { accept: yesNo, port, vrf: since(7.1, text) }],
  '/ip/hotspot': [[...TABLE, 'setup'], {
    disabled: yesNo, name: text, interface: text, profile: text, 'address-pool': text, 'idle-timeout': orWords(time, 'none'),
    'keepalive-timeout': orWords(time, 'none'), 'login-timeout': orWords(time, 'none'), 'addresses-per-mac': text,
  }],
  '/ip/hotspot/profile': [TABLE, {
    name: text, 'dns-name': text, 'hotspot-address': ip, 'html-directory': text, 'html-directory-override': text,
    'http-cookie-lifetime': time, 'https-redirect': yesNo, 'login-by': loginBy, 'mac-auth-password': text,
    'nas-port-type': text, 'radius-accounting': yesNo, 'radius-default-domain': text,
    'radius-interim-update': orWords(time, 'received'), 'radius-location-id': text, 'radius-location-name': text,
    'radius-mac-format': text, 'rate-limit': text, 'split-user-domain': yesNo, 'ssl-certificate': text,
    'trial-uptime-limit': text, 'use-radius': yesNo,
  }, ['default']],
  '/ip/hotspot/user': [TABLE, { ...common, name: text, password: text, profile: text, server: text }, ['default']],
  '/ip/hotspot/user/profile': [TABLE, {
    name: text, 'shared-users': orWords(number, 'unlimited'), 'idle-timeout': orWords(time, 'none'),
    'keepalive-timeout': orWords(time, 'none'), 'session-timeout': time, 'rate-limit': text,
    'add-mac-cookie': yesNo, 'mac-cookie-timeout': time, 'on-login': text, 'on-logout': text,
  }, ['default']],
  '/ip/hotspot/walled-garden': [TABLE, {
    ...common, action: ['allow', 'deny'], 'dst-host': text, 'dst-port': ports, 'dst-address': prefix, path: text,
    method: text, server: text, 'src-address': prefix,
  }],
  '/ip/hotspot/walled-garden/ip': [TABLE, {
    ...common, action: ['accept', 'drop', 'reject'], 'dst-address': prefix, 'dst-host': text, 'dst-port': ports,
    protocol: ['tcp', 'udp', 'icmp'], server: text, 'src-address': prefix,
  }],
  '/ip/dhcp-server/option': [TABLE, { name: text, code: byte, value: text, comment: text, force: since(7, yesNo) }],
  '/ip/dhcp-server/network': [TABLE, {
    comment: text, address: prefix, gateway: text, netmask: number, 'dns-server': text, 'dhcp-option': text,
  }],
  '/ip/address': [TABLE, { ...common, address: prefix, interface: text, network: ip }],
  '/ip/route': [TABLE, { ...common, 'dst-address': prefix, gateway: text, distance: number }],
  '/ip/firewall/filter': [TABLE, {
    ...common, chain: text, action: text, protocol: text, 'src-address': prefix, 'dst-address': prefix, 'dst-port': ports,
    'in-interface': text, 'place-before': text,
  }, ['dynamic']],
  '/interface': [['find', 'get', 'print', 'enable', 'disable'], {}, ['name', 'type', 'mac-address']],
  '/interface/wireguard': [TABLE, {
    ...common, name: text, 'listen-port': port, 'private-key': text, mtu: number,
  }, ['public-key'], 7.1],
  '/interface/wireguard/peers': [TABLE, {
    ...common, interface: text, 'public-key': text, 'endpoint-address': text, 'endpoint-port': port,
    'allowed-address': (value) => value.split(',').every(prefix), 'persistent-keepalive': time, 'preshared-key': text,
  }, [], 7.1],
  '/file': [['find', 'get', 'print', 'remove'], {}, ['name', 'size', 'type', 'contents']],
  '/tool': [['fetch'], {
    url: text, 'dst-path': text, mode: ['http', 'https', 'ftp', 'sftp', 'tftp'], 'check-certificate':
    ['yes', 'no', 'yes-without-crl'], 'keep-result': yesNo, output: ['file', 'none', 'user'],
  }],
  '/system/resource': [['get', 'print'], {}, ['version', 'board-name']],
  '/system/identity': [ONE, { name: text }],
  '/system/device-mode': [['get', 'print', 'update'], { mode: text, hotspot: yesNo, fetch: yesNo }, [], 7.1],
};

/** Commands that take the keys of the menu. */
const SETTING = ['add', 'set', 'fetch', 'update'];

/** What a type does not take; null if it takes the value. */
export function checkValue(type, value) {
  if (type === null || type === undefined) { return null; }
  const known = type.type === undefined ? type : type.type;
  const isRight = known === null || (Array.isArray(known) ? known.includes(value)
    : known instanceof RegExp ? known.test(value) : known(value));
  return isRight ? null : value;
}

export function menusOf(version) {
  const [major, minor] = version.split('.').map(Number);
  const has = (wanted) => {
    const [from, point = 0] = String(wanted).split('.').map(Number);
    return major > from || (major === from && minor >= point);
  };
  const known = new Map(Object.entries(MENUS).filter(([, [, , , from]]) => from === undefined || has(from)));
  const keysOf = (menu) => Object.entries(known.get(menu)?.[1] ?? {})
    .filter(([, type]) => type?.version === undefined || has(type.version)).map(([key]) => key);
  const properties = (menu) => ['.id', ...keysOf(menu), ...known.get(menu)?.[2] ?? []];
  return {
    has,
    isMenu: (menu) => [...known.keys()].some((it) => it === menu || it.startsWith(`${menu}/`)),
    commands: (menu) => known.get(menu)?.[0] ?? [],
    properties,
    keys: (menu, command) => (SETTING.includes(command) ? keysOf(menu) : command === 'find' ? properties(menu) : []),
    type: (menu, key) => known.get(menu)?.[1][key],
  };
}
