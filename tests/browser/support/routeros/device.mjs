// A router as `/ip hotspot setup` leaves it, with nothing of ours.

const HOTSPOT = { name: 'hotspot1', interface: 'bridge', profile: 'hsprof1', 'address-pool': 'hs-pool-1' };

/** The tables of a new device. `folder`: where it keeps the hotspot's pages; `servers`: hotspots beside the first,
 * each with a profile of its own; `localPassword`: of the user that the hotspot's setup makes. */
export function newDevice({
  version = '7.16.2', identity = 'MikroTik', dnsName = 'wifi.test', certificate = 'none', folder = 'hotspot', servers = 0, localPassword = 'admin',
} = {}) {
  const profile = (name, more) => ({
    name, 'hotspot-address': '0.0.0.0', 'dns-name': '', 'html-directory': folder.replace(/^flash\//, ''),
    'html-directory-override': '', 'http-cookie-lifetime': '3d', 'login-by': 'cookie,http-chap', 'use-radius': 'no',
    'radius-accounting': 'yes', 'radius-interim-update': 'received', 'ssl-certificate': 'none', ...more,
  });
  const tables = {
    '/radius': [], '/radius/incoming': { accept: 'no', port: '3799' },
    '/ip/hotspot': [HOTSPOT], '/ip/hotspot/profile': [
      profile('default', { default: 'yes' }),
      profile('hsprof1', { 'hotspot-address': '10.5.50.1', 'dns-name': dnsName, 'ssl-certificate': certificate }),
    ],
    '/ip/hotspot/user': [{ name: 'default-trial', default: 'yes' }, { name: 'admin', password: localPassword }],
    '/ip/hotspot/user/profile': [{ name: 'default', default: 'yes', 'shared-users': '1', 'keepalive-timeout': '2m' }],
    '/ip/hotspot/walled-garden': [], '/ip/hotspot/walled-garden/ip': [],
    '/ip/dhcp-server/option': [], '/ip/dhcp-server/network': [
      { address: '192.168.88.0/24', gateway: '192.168.88.1' }, { address: '10.5.50.0/24', gateway: '10.5.50.1' },
    ],
    '/ip/address': [
      { address: '192.168.88.1/24', interface: 'ether2', network: '192.168.88.0' },
      { address: '10.5.50.1/24', interface: 'bridge', network: '10.5.50.0' },
    ],
    '/ip/route': [], '/ip/firewall/filter': [], '/interface': [{ name: 'bridge' }, { name: 'ether1' }, { name: 'ether2' }],
    '/interface/wireguard': [], '/interface/wireguard/peers': [],
    '/file': [{ name: folder }, { name: `${folder}/login.html`, contents: 'its own page' }, { name: `${folder}/md5.js` }],
    '/system/resource': { version: `${version} (stable)`, 'board-name': 'hAP lite' },
    '/system/identity': { name: identity },
    '/system/device-mode': { mode: 'advanced', hotspot: 'yes', fetch: 'yes' },
  };
  for (let at = 2; at < servers + 2; at += 1) {
    tables['/ip/hotspot'].push({ ...HOTSPOT, name: `hotspot${at}`, interface: `vlan${at}`, profile: `hsprof${at}` });
    tables['/ip/hotspot/profile'].push(profile(`hsprof${at}`, { 'hotspot-address': `10.5.${50 + at}.1` }));
  }
  let count = 0;
  for (const rows of Object.values(tables).filter(Array.isArray)) {
    rows.forEach((row) => { count += 1; row['.id'] = `*${count}`; });
  }
  return { version, tables, count };
}
