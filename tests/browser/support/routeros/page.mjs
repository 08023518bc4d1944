// Fills in the variables of a hotspot's page, by MikroTik's manual "Hotspot customisation": $(name),
// $(name-esc) for addresses, and $(if name), $(if name == value), $(elif …), $(else), $(endif).

const html = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function value(values, name) {
  if (name in values) { return html(String(values[name])); }
  const plain = name.endsWith('-esc') ? name.slice(0, -4) : null;
  if (plain !== null && plain in values) { return encodeURIComponent(values[plain]); }
  throw new Error(`the hotspot has no variable ${name}`);
}

function isTrue(values, condition) {
  const [, name, operator, wanted] = /^([a-z-]+)(?:\s*(==|!=)\s*'?([^']*)'?)?$/.exec(condition.trim()) ??
    [undefined, condition];
  if (!(name in values)) { throw new Error(`the hotspot has no variable ${name}`); }
  const is = String(values[name]);
  return operator === undefined ? is !== '' : (is === wanted) === (operator === '==');
}

export function fill(page, values) {
  const parts = page.split(/\$\((if [^)]*|elif [^)]*|else|endif|[a-z0-9-]+)\)/);
  let filled = '';
  // Of each condition that is open: whether its present part is shown, and whether one was shown.
  const open = [];
  const isShown = () => open.every(({ now }) => now);
  parts.forEach((part, at) => {
    if (at % 2 === 0) { filled += isShown() ? part : ''; return; }
    const [word, condition] = [part.split(' ')[0], part.slice(part.indexOf(' ') + 1)];
    const last = open.at(-1);
    if (['elif', 'else', 'endif'].includes(word) && !last) { throw new Error(`$(${part}) without $(if)`); }
    if (word === 'if') {
      const now = isTrue(values, condition);
      open.push({ now, was: now });
    } else if (word === 'elif' || word === 'else') {
      last.now = !last.was && (word === 'else' || isTrue(values, condition));
      last.was ||= last.now;
    } else if (word === 'endif') {
      open.pop();
    } else if (isShown()) {
      filled += value(values, part);
    }
  });
  if (open.length > 0) { throw new Error('$(if) without $(endif)'); }
  return filled;
}
