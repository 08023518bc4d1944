// Runs what is pasted into RouterOS's terminal, on a device whose configuration is plain tables. Each
// statement of the outermost level is read when it is complete, and run before the next one is read; its
// local variables end with it.

import { checkValue, menusOf } from './menus.mjs';
import { RouterError, Syntax } from './syntax.mjs';

/** Two keys of one menu that a name must be unique in. */
const NAMED = ['/ip/hotspot', '/ip/hotspot/profile', '/ip/hotspot/user/profile', '/ip/dhcp-server/option'];
/** What a row is not, unless it says so. */
const FLAGS = ['disabled', 'dynamic', 'default'];
/** Keys that must name a row of another menu. */
const REFERENCES = { '/ip/hotspot profile': '/ip/hotspot/profile', '/ip/dhcp-server/network dhcp-option': '/ip/dhcp-server/option' };

export class Terminal {
  /** `device`: `version`, `tables` (menu → rows or one row), `fetch(url)` → bytes, `resolve(name)` → address. */
  constructor(device) {
    Object.assign(this, { device, menus: menusOf(device.version), output: [] });
  }

  /** Pastes a text; returns what the terminal has printed. Fails at the first error, with its message. */
  async paste(text) {
    // The terminal of version 6 answers these keys, also within quotes.
    if (!this.menus.has(7) && /[?\t]/.test(text)) { throw new RouterError('the terminal shows its help'); }
    if (/[^\x20-\x7e\r\n\t]/.test(text)) { throw new RouterError('a character that the terminal does not take'); }
    const syntax = new Syntax(text, this.device.version);
    this.output = [];
    for (;;) {
      const statement = syntax.next();
      if (!statement) { return this.output; }
      await this.run(statement, new Map());
    }
  }

  async run(statement, scope) {
    switch (statement.kind) {
      case 'block': return this.block(statement, scope);
      case 'builtin': return this.builtin(statement, scope);
      case 'command': return this.command(statement, scope);
      case 'call': {
        const value = await this.value(statement.value, scope);
        return value?.kind === 'block' ? this.block(value, new Map()) : value;
      }
      default: throw new Error(statement.kind);
    }
  }

  async block({ body }, scope) {
    const inner = new Map([['', scope]]);
    let last;
    for (const statement of body) { last = await this.run(statement, inner); }
    return last;
  }

  holder(scope, name) {
    for (let at = scope; at; at = at.get('')) { if (at.has(name)) { return at; } }
    throw new RouterError(`there is no variable ${name}`);
  }

  async value(node, scope) {
    switch (node.kind) {
      case 'block': return node;
      case 'variable': return this.holder(scope, node.name).get(node.name);
      case 'result': return this.run(node.statement, scope);
      case 'not': return !isTrue(await this.value(node.value, scope));
      case 'operator': return this.operator(node, scope);
      case 'text': {
        const parts = [];
        for (const part of node.parts) { parts.push(typeof part === 'string' ? part : plain(await this.value(part, scope))); }
        return parts.join('');
      }
      default: throw new Error(node.kind);
    }
  }

  async operator({ operator, left, right }, scope) {
    const a = await this.value(left, scope);
    if (['&&', 'and'].includes(operator)) { return isTrue(a) && isTrue(await this.value(right, scope)); }
    if (['||', 'or'].includes(operator)) { return isTrue(a) || isTrue(await this.value(right, scope)); }
    const b = await this.value(right, scope);
    switch (operator) {
      case '=': return plain(a) === plain(b);
      case '!=': return plain(a) !== plain(b);
      case '>': return Number(a) > Number(b);
      case '<': return Number(a) < Number(b);
      case '>=': return Number(a) >= Number(b);
      case '<=': return Number(a) <= Number(b);
      case '~': return new RegExp(plain(b)).test(plain(a));
      case '.': return plain(a) + plain(b);
      case 'in': return isWithin(plain(a), plain(b));
      default: throw new Error(operator);
    }
  }

  async builtin({ name, free, named }, scope) {
    const get = async (at) => this.value(free[at] ?? fail(`:${name} needs more`), scope);
    switch (name) {
      case 'local':
      case 'global': scope.set(await get(0), free[1] ? await get(1) : undefined); return undefined;
      case 'set': {
        const variable = await get(0);
        this.holder(scope, variable).set(variable, await get(1));
        return undefined;
      }
      case 'put': this.output.push(plain(await get(0))); return undefined;
      case 'error': throw new RouterError(plain(await get(0)));
      case 'len': { const it = await get(0); return Array.isArray(it) ? it.length : plain(it).length; }
      case 'pick': return plain(await get(0)).slice(Number(await get(1)), Number(await get(2)));
      case 'tostr': return plain(await get(0));
      case 'toarray': return plain(await get(0)).split(',').filter(Boolean);
      case 'typeof': return (await get(0)) === undefined ? 'nothing' : 'str';
      case 'delay': return undefined;
      case 'resolve': return this.device.resolve(await get(0)) ?? fail('failure: dns name does not exist');
      case 'parse': return { kind: 'block', body: new Syntax(await get(0), this.device.version).statements() };
      case 'if': {
        const branch = isTrue(await get(0)) ? named.do : named.else;
        return branch && this.block(branch, scope);
      }
      case 'foreach': {
        const [variable, all] = [await get(0), await this.value(named.in, scope)];
        for (const it of Array.isArray(all) ? all : [all]) { await this.block(named.do, new Map([['', scope], [variable, it]])); }
        return undefined;
      }
      case 'do':
        try {
          return await this.block(free[0], scope);
        } catch (error) {
          if (!(error instanceof RouterError) || !named['on-error']) { throw error; }
          return this.block(named['on-error'], scope);
        }
      default: throw new Error(name);
    }
  }

  /** The rows that a command is for: numbers, names, or `[find …]`. */
  rows(menu, chosen) {
    const rows = this.device.tables[menu] ?? [];
    return (Array.isArray(chosen) ? chosen : plain(chosen).split(',')).map((it) => rows.find((row) => row['.id'] === it ||
      (row.name !== undefined && row.name === it)) ?? fail('no such item'));
  }

  async command({ menu, name, free, named }, scope) {
    const { tables } = this.device;
    const values = {};
    for (const [key, node] of Object.entries(named)) {
      // In a condition, a variable that is called as a property is that property.
      if (name === 'find' && node.kind === 'variable' && this.menus.properties(menu).includes(node.name)) {
        fail(`a variable in [find] is called as the property ${node.name}`);
      }
      const value = await this.value(node, scope);
      values[key] = Array.isArray(value) ? value.join(',') : plain(value);
      const wrong = name === 'find' ? null : checkValue(this.menus.type(menu, key), values[key]);
      if (wrong !== null) { fail(`invalid value for argument ${key}: ${wrong}`); }
      const target = REFERENCES[`${menu} ${key}`];
      if (name !== 'find' && target && !tables[target].some((row) => row.name === values[key])) {
        fail(`input does not match any value of ${key}`);
      }
    }
    const isTable = Array.isArray(tables[menu]);
    switch (name) {
      case 'find': {
        const rows = tables[menu].filter((row) => Object.entries(values).every(([key, value]) => plain(row[key] ?? (FLAGS.includes(key) ? 'no' : '')) === value));
        return rows.map((row) => row['.id']);
      }
      case 'add':
        if (NAMED.includes(menu) && tables[menu].some((row) => row.name === values.name)) { fail('failure: already have such name'); }
        this.device.count = (this.device.count ?? 0) + 1;
        tables[menu].push({ '.id': `*${this.device.count}`, ...values });
        return undefined;
      case 'set': {
        const rows = isTable ? this.rows(menu, await this.value(free[0] ?? fail('missing value of numbers'), scope)) : [tables[menu]];
        rows.forEach((row) => Object.assign(row, values));
        return undefined;
      }
      case 'get': {
        if (!isTable) { return tables[menu][await this.value(free[0], scope)]; }
        const [row] = this.rows(menu, await this.value(free[0] ?? fail('missing value of number'), scope));
        return row[await this.value(free[1], scope)];
      }
      case 'remove': {
        const rows = this.rows(menu, await this.value(free[0] ?? fail('missing value of numbers'), scope));
        if (rows.some((row) => row.default === 'yes')) { fail('failure: can not remove default'); }
        tables[menu] = tables[menu].filter((row) => !rows.includes(row));
        return undefined;
      }
      case 'enable':
      case 'disable': {
        const rows = this.rows(menu, await this.value(free[0] ?? fail('missing value of numbers'), scope));
        rows.forEach((row) => { row.disabled = name === 'disable' ? 'yes' : 'no'; });
        return undefined;
      }
      case 'fetch': return this.fetch(values);
      // The router's button, which it waits for, is pressed at once.
      case 'update': Object.assign(tables[menu], values); return undefined;
      case 'print': this.output.push(JSON.stringify(tables[menu])); return undefined;
      default: return fail(`${menu} ${name} asks questions`);
    }
  }

  async fetch(values) {
    const { '/file': files, '/system/device-mode': allowed } = this.device.tables;
    if (allowed.fetch !== 'yes') { fail('failure: not allowed by device-mode'); }
    const contents = await this.device.fetch(values.url ?? fail('failure: missing url'));
    const name = (values['dst-path'] ?? new URL(values.url).pathname.split('/').at(-1)).replace(/^\//, '');
    const file = files.find((it) => it.name === name);
    if (file) { Object.assign(file, { contents }); return; }
    this.device.count = (this.device.count ?? 0) + 1;
    files.push({ '.id': `*${this.device.count}`, name, contents });
  }
}

function fail(text) { throw new RouterError(text); }
const isTrue = (value) => value === true || value === 'yes' || value === 'true';

function plain(value) {
  if (value === undefined) { return ''; }
  if (value === true || value === false) { return String(value); }
  return Array.isArray(value) ? value.join(';') : String(value);
}

/** Whether an address is in a network, as in `10.5.50.0 in 10.5.50.0/24`. */
function isWithin(address, network) {
  const bits = (text) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base, length = '32'] = network.split('/');
  const size = 2 ** (32 - Number(length));
  return Math.floor(bits(address.split('/')[0]) / size) === Math.floor(bits(base) / size);
}
