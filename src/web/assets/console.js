// The console: keeps open pages current. Every page works without it.
(() => {
  'use strict';
  const $ = (selector) => document.querySelector(selector);
  document.documentElement.classList.add('script');

  const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
  const millis = (ms) => ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const duration = (ms) => {
    if (ms < 1000) { return `${Math.trunc(ms)} ms`; }
    if (ms < 10_000) { return `${(Math.trunc(ms / 100) / 10).toFixed(1)} s`; }
    for (const [below, unit, name] of [[120_000, 1000, 's'], [7_200_000, 60_000, 'min'], [172_800_000, 3_600_000, 'h']]) {
      if (ms < below) { return `${Math.trunc(ms / unit)} ${name}`; }
    }
    return `${Math.trunc(ms / 86_400_000)} d`;
  };
  const formatted = (value, form, now) => {
    if (value === null || value === undefined) { return '–'; }
    if (form === 'since') { return `${duration(Math.max(0, now - Date.parse(value)))} ago`; }
    if (typeof value !== 'number') { return String(value); }
    return { count, duration, 'duration-secs': (secs) => duration(secs * 1000) }[form](value);
  };
  const pick = (document, pointer) => pointer.split('/').slice(1)
    .reduce((value, name) => value?.[name], document);
  const setText = (element, text) => { if (element.textContent !== text) { element.textContent = text; } };

  // The status banner of every page.
  const banner = $('#banner');
  const refresh = async () => {
    if (document.hidden) { return; }
    let html;
    try {
      const answer = await fetch(banner.dataset.fresh, { redirect: 'manual' });
      // The session has ended: the server redirected to the log-in.
      if (answer.type === 'opaqueredirect') { location.reload(); return; }
      if (!answer.ok) { throw new Error(answer.status); }
      html = await answer.text();
    } catch {
      html = '<div class="banner wrong" data-tone="wrong"><ul class="sentences"><li class="wrong">The server does not answer.</li></ul></div>';
    }
    // After the first answer only a changed banner is set, so that a screen reader does not
    // read it again.
    if (banner.dataset.shown !== html) { banner.dataset.shown = html; banner.innerHTML = html; }
  };
  if (banner) {
    setInterval(refresh, 5000);
    document.addEventListener('visibilitychange', refresh);
  }

  // A chart of the last minutes, in SVG.
  const [MIN_SPAN_MS, MAX_SPAN_MS] = [60_000, 300_000];
  const [WIDTH, HEIGHT] = [300, 90];
  class Chart {
    constructor(figure) {
      this.rate = figure.dataset.kind === 'rate';
      this.unit = figure.dataset.unit;
      this.svg = figure.querySelector('svg');
      this.peak = figure.querySelector('.peak');
      this.before = null;
      const keys = figure.querySelectorAll('.keys b');
      this.lines = figure.dataset.lines.split(';').map((line, at) => {
        const [, pointers] = line.split('=');
        const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
        path.setAttribute('class', `k${at + 1}`);
        this.svg.append(path);
        return { pointers: pointers.split(','), path, key: keys[at], points: [] };
      });
    }

    take(sample) {
      const at = Date.parse(sample.at);
      const values = this.lines.map(({ pointers }) =>
        pointers.reduce((sum, pointer) => sum + (pick(sample, pointer) ?? 0), 0));
      const { before } = this;
      this.before = { at, values };
      if (this.rate && (!before || at <= before.at)) { return; }
      this.lines.forEach((line, n) => {
        // A counter that has decreased: the process was restarted.
        const value = this.rate
          ? Math.max(0, values[n] - before.values[n]) * 1000 / (at - before.at) : values[n];
        line.points.push([at, value]);
        while (line.points[0][0] < at - MAX_SPAN_MS) { line.points.shift(); }
      });
    }

    formatted(value) {
      if (this.unit === 'ms') { return millis(value); }
      return this.unit ? `${value < 10 ? value.toFixed(1) : value.toFixed(0)}${this.unit}` : count(Math.round(value));
    }

    draw() {
      const all = this.lines.flatMap(({ points }) => points.map(([, value]) => value));
      if (all.length === 0) { return; }
      const most = Math.max(...all);
      const top = most > 0 ? most * 1.08 : 1;
      const end = this.before.at;
      const begin = Math.min(...this.lines.map(({ points }) => points[0]?.[0] ?? end));
      const span = Math.max(MIN_SPAN_MS, end - begin);
      for (const { points, path, key } of this.lines) {
        path.setAttribute('d', points.map(([at, value], n) =>
          `${n ? 'L' : 'M'}${(WIDTH * (1 - (end - at) / span)).toFixed(1)} ${(HEIGHT - 1 - (HEIGHT - 2) * value / top).toFixed(1)}`).join(''));
        setText(key, this.formatted(points.at(-1)?.[1] ?? 0));
      }
      setText(this.peak, `peak ${this.formatted(most)} in ${duration(span)}`);
    }
  }

  const live = $('#live');
  if (live && window.EventSource) {
    const numbers = [...document.querySelectorAll('[data-at]')];
    const charts = [...document.querySelectorAll('.chart')].map((figure) => new Chart(figure));
    const rows = $('#rows');
    const pulse = $('#pulse');
    let lastEventAt = Date.now();

    const row = (order, now) => {
      const made = $('#row').content.firstElementChild.cloneNode(true);
      const link = made.querySelector('a');
      link.href += order.order;
      link.textContent = order.order;
      made.classList.toggle('hot', order.mailbox_depth > 0 || order.last_error !== null);
      for (const cell of made.querySelectorAll('[data-of]')) {
        cell.textContent = formatted(order[cell.dataset.of], cell.dataset.as, now);
      }
      return made;
    };
    const show = (sample) => {
      const now = Date.parse(sample.at);
      for (const element of numbers) {
        setText(element, formatted(pick(sample, element.dataset.at), element.dataset.as, now));
        element.closest('.counts > div')?.classList.toggle('zero', element.textContent === '0');
      }
      // A row under the pointer or the focus is not replaced.
      if (!rows.matches(':hover, :focus-within')) {
        rows.replaceChildren(...sample.busiest.map((order) => row(order, now)));
        $('#none').hidden = sample.busiest.length > 0;
      }
    };

    for (const sample of JSON.parse($('#history').textContent)) {
      charts.forEach((chart) => chart.take(sample));
    }
    charts.forEach((chart) => chart.draw());
    let source;
    const watch = () => {
      source = new EventSource(live.dataset.events);
      source.addEventListener('actors', ({ data }) => {
        lastEventAt = Date.now();
        const sample = JSON.parse(data);
        show(sample);
        charts.forEach((chart) => { chart.take(sample); chart.draw(); });
      });
    };
    watch();
    // The browser does not retry a refused stream.
    setInterval(() => {
      const late = Date.now() - lastEventAt > 5000;
      pulse.classList.toggle('late', late);
      if (late && source.readyState === EventSource.CLOSED) { watch(); }
    }, 2000);
  }

  // On a phone the navigation is scrolled to the current section.
  const here = $('.sections [aria-current]');
  if (here) { here.parentElement.scrollLeft = here.offsetLeft - 16; }

  // Copying, also over plain HTTP, where `navigator.clipboard` does not exist.
  $('[data-copies]')?.addEventListener('click', ({ target }) => {
    $(`#${target.dataset.copies}`).select();
    if (document.execCommand('copy')) { target.textContent = target.dataset.copied; }
  });

  $('[data-print]')?.addEventListener('click', () => window.print());

  // A second press does not send the form again.
  document.addEventListener('submit', ({ target }) => {
    if (target.method === 'post') {
      setTimeout(() => { for (const button of target.querySelectorAll('button')) { button.disabled = true; } });
    }
  });
  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) { location.reload(); }
  });
})();
