// Reads the part of RouterOS's scripting language that our scripts use, as its terminal does: a text with a
// word, menu or key that this version does not know is refused before anything of it runs. Sources:
// MikroTik's "Scripting" and "Command Line Interface" manuals.

import { checkValue, menusOf } from './menus.mjs';

/** What the terminal answers with, in red. */
export class RouterError extends Error {}

/** The commands of the language, with the keys that each takes. */
const BUILTINS = {
  local: [], global: [], set: [], put: [], error: [], len: [], pick: [], parse: [], resolve: [], delay: [],
  tostr: [], toarray: [], typeof: [], if: ['do', 'else'], foreach: ['in', 'do'], do: ['on-error', 'while'],
};
const ESCAPES = {
  '"': '"', '\\': '\\', n: '\n', r: '\r', t: '\t', $: '$', '?': '?', _: ' ', a: '\x07', b: '\b', f: '\f', v: '\v',
};
const COMPARING = ['!=', '>=', '<=', '=', '>', '<', '~', 'in'];

export class Syntax {
  constructor(text, version) {
    Object.assign(this, { text, version, menus: menusOf(version), at: 0, menu: '' });
  }

  fail(what) {
    const before = this.text.slice(0, this.at).split('\n');
    throw new RouterError(`${what} (line ${before.length} column ${before.at(-1).length + 1})`);
  }

  rest() { return this.text.slice(this.at); }
  peek() { return this.text[this.at]; }

  /** Takes what matches here, or returns null. */
  take(pattern) {
    const found = new RegExp(pattern.source, `${pattern.flags.replace('y', '')}y`);
    found.lastIndex = this.at;
    const match = found.exec(this.text);
    if (match) { this.at += match[0].length; }
    return match;
  }

  expect(text) {
    if (!this.rest().startsWith(text)) { this.fail(`expected "${text}"`); }
    this.at += text.length;
  }

  blanks() { this.take(/(?:[ \t]|\\\r?\n)*/); }
  between() { while (this.take(/[\s;]+|#[^\n]*/)) { /* nothing between two statements */ } }

  /** The next statement of the terminal; null at the end. */
  next() {
    this.between();
    if (this.at >= this.text.length) { return null; }
    const statement = this.statement();
    this.blanks();
    if (!this.take(/\r?\n|;|$/)) { this.fail('expected end of command'); }
    return statement;
  }

  statements(end) {
    const all = [];
    for (;;) {
      this.between();
      if (this.at >= this.text.length) {
        if (end) { this.fail(`expected "${end}"`); }
        return all;
      }
      if (end && this.peek() === end) { this.at += 1; return all; }
      all.push(this.statement());
      this.blanks();
      if (this.peek() !== end && !this.take(/\r?\n|;|$/)) { this.fail('expected end of command'); }
    }
  }

  block() {
    this.expect('{');
    return { kind: 'block', body: this.statements('}') };
  }

  statement() {
    const first = this.peek();
    if (first === '{') { return this.block(); }
    if (first === '$') { return { kind: 'call', value: this.value() }; }
    if (first === '[') { return { kind: 'call', value: this.value() }; }
    if (first === ':') { return this.builtin(); }
    return this.command();
  }

  builtin() {
    const [, name] = this.take(/:([a-z]+)/) ?? this.fail('bad command name');
    const keys = BUILTINS[name] ?? this.fail(`bad command name ${name}`);
    const { free, named } = this.values((key) => keys.includes(key));
    return { kind: 'builtin', name, free, named };
  }

  /** `/menu words command key=value …`; without a command the words go to that menu. */
  command() {
    let menu = this.take(/\//) ? '' : this.menu;
    let name = null;
    for (;;) {
      this.blanks();
      const word = /^[a-z0-9-]+(?![a-z0-9-]*=)/.exec(this.rest())?.[0];
      if (word === undefined) { break; }
      if (this.menus.isMenu(`${menu}/${word}`)) {
        menu = `${menu}/${word}`;
        this.at += word.length;
        this.take(/\/(?=[a-z])/);
        continue;
      }
      if (!this.menus.commands(menu).includes(word)) { this.fail(`bad command name ${word}`); }
      name = word;
      this.at += word.length;
      break;
    }
    if (name === null) {
      if (menu === '' || !/^(?:\r?\n|$)/.test(this.rest())) { this.fail('bad command name'); }
      this.menu = menu;
      return { kind: 'block', body: [] };
    }
    const start = this.at;
    // What is in brackets, as in `set [find]`, begins in the menu of its command.
    const outer = this.menu;
    this.menu = menu;
    const { free, named } = this.values((key) => this.menus.keys(menu, name).includes(key));
    this.menu = outer;
    for (const [key, value] of Object.entries(named)) {
      if (value.kind === 'text' && value.parts.every((part) => typeof part === 'string')) {
        const wrong = checkValue(this.menus.type(menu, key), value.parts.join(''));
        if (wrong) { this.at = start; this.fail(`invalid value for argument ${key}: ${wrong}`); }
      }
    }
    const words = free.filter((value) => value.isBare).map(({ parts }) => parts.join(''));
    if (name === 'get' && words.some((word) => !this.menus.properties(menu).includes(word))) {
      this.fail(`${menu} has no property ${words}`);
    }
    return { kind: 'command', menu, name, free, named };
  }

  /** Values without and with a key, up to the end of the command. */
  values(isKey) {
    const free = [];
    const named = {};
    for (;;) {
      this.blanks();
      if (/^(?:[\n\r;\]}]|$)/.test(this.rest())) { return { free, named }; }
      const key = this.take(/([a-z][a-z0-9-]*)=/)?.[1];
      if (key === undefined) { free.push(this.value()); continue; }
      if (!isKey(key)) { this.fail(`expected end of command, and not ${key}`); }
      named[key] = this.value();
    }
  }

  value() {
    const first = this.peek();
    if (first === '"') { return this.quoted(); }
    if (first === '{') { return this.block(); }
    if (first === '[') {
      this.at += 1;
      this.blanks();
      const statement = this.statement();
      this.blanks();
      this.expect(']');
      return { kind: 'result', statement };
    }
    if (first === '(') {
      this.at += 1;
      const value = this.or();
      this.white();
      this.expect(')');
      return value;
    }
    if (first === '$') {
      const [, plain, quoted] = this.take(/\$(?:([A-Za-z][A-Za-z0-9]*)|"([^"]+)")/) ?? this.fail('bad variable');
      return { kind: 'variable', name: plain ?? quoted };
    }
    const bare = this.take(/[^\s;\]}()[{"$]+/) ?? this.fail('expected a value');
    return { kind: 'text', parts: [bare[0]], isBare: true };
  }

  quoted() {
    this.expect('"');
    const parts = [''];
    for (;;) {
      const plain = this.take(/[^"\\$]+/);
      if (plain) { parts[parts.length - 1] += plain[0]; continue; }
      if (this.take(/"/)) { return { kind: 'text', parts }; }
      if (this.at >= this.text.length) { this.fail('expected closing quote'); }
      if (this.peek() === '$') {
        if (!/^\$[A-Za-z]/.test(this.rest())) { this.fail('bad variable in a text'); }
        parts.push(this.value(), '');
        continue;
      }
      if (this.take(/\\\r?\n\s*/)) { continue; }
      const [, hex, one] = this.take(/\\(?:([0-9A-F]{2})|([^]))/) ?? this.fail('bad escape');
      parts[parts.length - 1] += hex ? String.fromCharCode(parseInt(hex, 16)) : ESCAPES[one] ?? this.fail('bad escape');
    }
  }

  white() { this.take(/\s*/); }

  /** Operators of one strength, from the left. */
  chain(operators, next) {
    let left = next();
    for (;;) {
      this.white();
      const operator = operators.find((it) => this.rest().startsWith(it) &&
        !(/^[a-z]/.test(it) && /^[A-Za-z0-9-]/.test(this.rest().slice(it.length))));
      if (!operator) { return left; }
      this.at += operator.length;
      this.white();
      left = { kind: 'operator', operator, left, right: next() };
    }
  }

  or() { return this.chain(['||', 'or'], () => this.and()); }
  and() { return this.chain(['&&', 'and'], () => this.compared()); }
  compared() { return this.chain(COMPARING, () => this.joined()); }
  joined() { return this.chain(['.'], () => this.atom()); }

  atom() {
    this.white();
    if (this.take(/!/)) { return { kind: 'not', value: this.atom() }; }
    if (/^["[($]/.test(this.rest())) { return this.value(); }
    const bare = this.take(/[A-Za-z0-9][A-Za-z0-9:/-]*(?:\.[A-Za-z0-9/]+)*/) ?? this.fail('expected a value');
    return { kind: 'text', parts: [bare[0]], isBare: true };
  }
}
