// What holds of every page, whoever it is for.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { FileSystemConfigLoader, HtmlValidate, formatterFactory } from 'html-validate';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const here = fileURLToPath(new URL('..', import.meta.url));
const validator = new HtmlValidate(new FileSystemConfigLoader());
const readable = formatterFactory('text');

/** As it came, and as it stands. */
export async function assertValid(page, answer) {
  for (const html of [await answer.text(), await page.content()]) {
    const report = await validator.validateString(html, `${here}page.html`);
    assert.ok(report.valid, readable(report.results));
  }
}

/** Nobody has to scroll sideways. */
export async function assertFits(page, width) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${wide} pixels wide, of ${width}`);
}

/** axe-core finds nothing worth a word. */
export async function assertAccessible(page) {
  // By the debugger, which the page's policy does not concern.
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  const bad = found.violations.filter(({ impact }) => impact !== 'minor');
  const told = bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(told, []);
}

/** The policy lets nothing in from elsewhere, and nothing inline. */
export function assertPolicy(answer) {
  const headers = answer.headers();
  const policy = headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|http|\*|data:/);
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['cache-control'], 'no-store');
}
