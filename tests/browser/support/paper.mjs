// A page as a printer gets it: a PDF, its texts, and what a scanner reads from its pixels. poppler and zbar
// are independent of the browser and of the library that makes the QR codes.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Prints the page with so many dots per inch; returns for each sheet its size in mm, its text, and the QR
 * codes that are read from it. */
export async function print(page, dpi, keep) {
  const folder = await mkdtemp(path.join(tmpdir(), 'malipo-paper-'));
  const pdf = keep ?? path.join(folder, 'printed.pdf');
  await writeFile(pdf, await page.pdf({ preferCSSPageSize: true }));
  // A dot is black or white, as of a laser or a thermal printer.
  await run('pdftoppm', ['-r', String(dpi), '-mono', pdf, path.join(folder, 'sheet')]);
  const images = (await readdir(folder)).filter((name) => name.endsWith('.pbm')).sort();
  const sheets = [];
  for (const [at, image] of images.entries()) {
    const number = String(at + 1);
    const only = ['-f', number, '-l', number];
    const { stdout: info } = await run('pdfinfo', [...only, pdf]);
    const { stdout: text } = await run('pdftotext', [...only, pdf, '-']);
    const scanned = await scan(path.join(folder, image));
    const size = / size: +([\d.]+) x ([\d.]+) pts/.exec(info).slice(1).map((points) => Math.round(points * 25.4 / 72));
    sheets.push({ size, text, scanned: scanned.sort() });
  }
  await rm(folder, { recursive: true });
  return sheets;
}

/** The QR codes in an image. zbarimg ends with 4 if there is none. */
async function scan(image) {
  try {
    const { stdout } = await run('zbarimg', ['--raw', '--quiet', image]);
    return stdout.trim().split('\n');
  } catch (error) {
    if (error.code === 4) { return []; }
    throw error;
  }
}
