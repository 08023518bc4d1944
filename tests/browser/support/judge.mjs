// Checks that every page must pass, for guests and for operators.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { FileSystemConfigLoader, HtmlValidate, formatterFactory } from 'html-validate';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const here = fileURLToPath(new URL('..', import.meta.url));
const validator = new HtmlValidate(new FileSystemConfigLoader());
const readable = formatterFactory('text');

/** Validates the HTML as sent and as changed by scripts. */
export async function assertValid(page, answer) {
  for (const html of [await answer.text(), await page.content()]) {
    const report = await validator.validateString(html, `${here}page.html`);
    assert.ok(report.valid, readable(report.results));
  }
}

/** Asserts that the page needs no horizontal scrolling; `where` names the view in the message. */
export async function assertFits(page, width, where = '') {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${where} ${wide} pixels wide, of ${width}`);
}

/** Asserts that axe-core finds nothing but minor faults; `where` names the view in the message. */
export async function assertAccessible(page, where = '') {
  // Evaluated by the debugger, to which the page's policy does not apply. Once per document.
  if (!await page.evaluate(() => 'axe' in window)) { await page.evaluate(axe); }
  const found = await page.evaluate(() => window.axe.run());
  const bad = found.violations.filter(({ impact }) => impact !== 'minor');
  const faults = bad.map(({ id, nodes }) => `${where} ${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(faults, []);
}

/** Asserts that the policy allows no other origin and nothing inline. */
export function assertPolicy(answer) {
  const headers = answer.headers();
  const policy = headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|http|\*|data:/);
  assert.equal(headers['referrer-policy'], 'same-origin');
  // "Back" shows the form of the shop again, with its key.
  const isShop = new URL(answer.url()).pathname === '/';
  assert.equal(headers['cache-control'], isShop ? 'private, no-cache' : 'no-store');
}
