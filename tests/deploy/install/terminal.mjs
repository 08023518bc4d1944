// Pastes texts into a RouterOS:
//
//   terminal.mjs <REQUEST        {"device": null or what was answered before, "version": "7.16.2", "text": "…"}
//
// Answers with the device and what the terminal has printed. A text that the version refuses is an error.
// Files are fetched from the server of this machine, whatever its name is outside.

import { readFileSync } from 'node:fs';

import { newDevice } from '../../browser/support/routeros/device.mjs';
import { Terminal } from '../../browser/support/routeros/terminal.mjs';

const { device, version, text } = JSON.parse(readFileSync(0, 'utf8'));
const router = device ?? newDevice({ version, dnsName: 'login.wifi.example' });
router.resolve = (name) => (name === 'wifi.example' ? '10.0.0.1' : null);
router.fetch = async (url) => {
  const { pathname } = new URL(url);
  const answer = await fetch(new URL(pathname, 'http://127.0.0.1:8080'));
  if (!answer.ok) { throw new Error(`${url}: ${answer.status}`); }
  return answer.text();
};
const output = await new Terminal(router).paste(text);
console.log(JSON.stringify({ device: router, output }));
