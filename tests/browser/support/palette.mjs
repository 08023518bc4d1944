// Reduces a screenshot to a palette of 64 colours, which makes it a third of the size. Reads only the
// PNG format that Chromium writes: eight bits per channel, not interlaced.

import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS = 64;

/** The image with at most 64 colours. */
export function shrink(png) {
  const { width, height, colours } = read(png);
  const palette = choose(colours);
  const nearest = new Map(palette.map((colour, index) => [colour, index]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = colours[y * width + x];
      if (!nearest.has(colour)) { nearest.set(colour, closest(palette, colour)); }
      rows[y * (width + 1) + 1 + x] = nearest.get(colour);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const table = Buffer.from(palette.flatMap((colour) => channels(colour)));
  return Buffer.concat([
    SIGNATURE, chunk('IHDR', header), chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

const channels = (colour) => [colour >> 16, (colour >> 8) & 0xff, colour & 0xff];

/** Groups similar colours, takes the most frequent colour of each group, and of these the most frequent. */
function choose(colours) {
  const counts = new Map();
  for (const colour of colours) { counts.set(colour, (counts.get(colour) ?? 0) + 1); }
  if (counts.size <= COLOURS) { return [...counts.keys()]; }
  const alike = new Map();
  for (const [colour, count] of counts) {
    const key = channels(colour).map((channel) => channel >> 4).join();
    const known = alike.get(key) ?? { colour, most: 0, count: 0 };
    if (count > known.most) { Object.assign(known, { colour, most: count }); }
    known.count += count;
    alike.set(key, known);
  }
  return [...alike.values()].sort((one, other) => other.count - one.count)
    .slice(0, COLOURS).map(({ colour }) => colour);
}

function closest(palette, colour) {
  const wanted = channels(colour);
  let best = 0;
  let least = Infinity;
  palette.forEach((known, index) => {
    const far = channels(known)
      .reduce((sum, channel, at) => sum + (channel - wanted[at]) ** 2, 0);
    if (far < least) { [best, least] = [index, far]; }
  });
  return best;
}

/** Decodes a PNG: width, height and the colour of every pixel. */
function read(png) {
  const packed = [];
  let header;
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const kind = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (kind === 'IHDR') { header = data; }
    if (kind === 'IDAT') { packed.push(data); }
    at += length + 12;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth, kind, , , interlaced] = header.subarray(8);
  const size = { 2: 3, 6: 4 }[kind];
  if (depth !== 8 || !size || interlaced) { throw new Error('not a PNG that Chromium writes'); }
  const bytes = unfiltered(inflateSync(Buffer.concat(packed)), width * size, height, size);
  const colours = new Uint32Array(width * height);
  for (let pixel = 0; pixel < colours.length; pixel += 1) {
    const at = pixel * size;
    colours[pixel] = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
  }
  return { width, height, colours };
}

/** Reverses the PNG filters: each byte is stored as the difference to a prediction from its neighbours. */
function unfiltered(raw, line, height, size) {
  const bytes = Buffer.alloc(line * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (line + 1)];
    for (let x = 0; x < line; x += 1) {
      const at = y * line + x;
      const left = x < size ? 0 : bytes[at - size];
      const above = y === 0 ? 0 : bytes[at - line];
      const corner = x < size || y === 0 ? 0 : bytes[at - line - size];
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      bytes[at] = raw[y * (line + 1) + 1 + x] + guess;
    }
  }
  return bytes;
}

function paeth(left, above, corner) {
  const [toLeft, toAbove, toCorner] = [left, above, corner]
    .map((value) => Math.abs(left + above - corner - value));
  if (toLeft <= toAbove && toLeft <= toCorner) { return left; }
  return toAbove <= toCorner ? above : corner;
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) { crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0); }
  }
  return (crc ^ 0xffffffff) >>> 0;
}
