// Improves the guest pages, which all work without scripts. ES2015 at most, for old Android: no
// fetch that can be aborted, no async functions.
(function () {
  'use strict';

  var body = document.body;
  var live = document.getElementById('live');
  document.documentElement.classList.add('script');

  // Send a form once. A second request would change nothing, because of the key in the form.
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (!form.classList.contains('once')) { return; }
    if (form.classList.contains('sent')) { event.preventDefault(); return; }
    form.classList.add('sent');
  });
  // The button says what will be paid.
  document.addEventListener('change', function (event) {
    var pay = event.target.getAttribute('data-pay');
    if (pay) { document.getElementById('pay').textContent = pay; }
  });
  // After "back" the form may be sent again; its key makes that safe.
  window.addEventListener('pageshow', function () {
    var sent = document.querySelectorAll('.sent');
    for (var i = 0; i < sent.length; i++) { sent[i].classList.remove('sent'); }
  });

  // Copying, also over plain HTTP, where `navigator.clipboard` does not exist.
  document.addEventListener('click', function (event) {
    var button = event.target;
    if (!button.hasAttribute || !button.hasAttribute('data-copy')) { return; }
    var field = document.createElement('textarea');
    field.value = button.getAttribute('data-copy');
    field.setAttribute('readonly', '');
    field.className = 'unseen';
    body.appendChild(field);
    field.select();
    field.setSelectionRange(0, field.value.length);
    var copied = document.execCommand('copy');
    body.removeChild(field);
    button.focus();
    if (!copied) { return; }
    button.textContent = button.getAttribute('data-copied');
    say(button.textContent);
  });

  function say(text) {
    if (live.textContent !== text) { live.textContent = text; }
  }

  // Long-polls an order that may change: the server answers when there is a new version, with the
  // whole page. The only timers are the pauses after a failure or a `Retry-After`.
  var HELD_SECS = 50, GIVE_UP_MS = 75000, PAUSE_MS = 1000, PAUSE_MAX_MS = 15000, OPEN_MS = 3000000;
  var request = null, timer = 0, pause = PAUSE_MS, since = Date.now();

  function poll() {
    var main = document.getElementById('main');
    var href = main.getAttribute('data-news');
    window.clearTimeout(timer);
    // A page that was left open stops polling after OPEN_MS, until it is visible again.
    if (!href || request || Date.now() - since > OPEN_MS) { return; }
    request = new XMLHttpRequest();
    request.open('GET', href + (href.indexOf('?') < 0 ? '?' : '&') + 'wait=' + HELD_SECS);
    request.timeout = GIVE_UP_MS;
    request.onload = function () {
      var answer = request;
      request = null;
      if (answer.status >= 500) { failed(retryAfter(answer)); return; }
      arrived(main, answer);
    };
    request.onerror = request.ontimeout = function () { failed(0); };
    request.send();
  }

  // A server that is busy or without a free seat says how long to wait.
  function retryAfter(answer) { return Number(answer.getResponseHeader('Retry-After')) * 1000 || 0; }

  function arrived(main, answer) {
    var page = new DOMParser().parseFromString(answer.responseText, 'text/html');
    var next = page.getElementById('main');
    if (!next) { failed(0); return; }
    if (body.classList.contains('offline')) {
      body.classList.remove('offline');
      say(body.getAttribute('data-online'));
    }
    if (next.getAttribute('data-state') !== main.getAttribute('data-state')) {
      show(page, main, next);
    }
    pause = PAUSE_MS;
    timer = window.setTimeout(poll, retryAfter(answer));
  }

  function show(page, main, next) {
    var held = main.contains(document.activeElement);
    main.parentNode.replaceChild(document.adoptNode(next), main);
    document.title = page.title;
    say(next.querySelector('h1').textContent + '. ' + next.querySelector('.lead').textContent);
    if (held) { next.focus(); }
    var language = page.getElementById('language');
    if (language) { document.getElementById('language').href = language.getAttribute('href'); }
  }

  function failed(after) {
    request = null;
    body.classList.add('offline');
    var main = document.getElementById('main');
    var waiting = main.querySelector('.waiting');
    if (waiting) { waiting.textContent = body.getAttribute('data-offline'); }
    main.setAttribute('data-state', 'offline');
    say(body.getAttribute('data-offline'));
    timer = window.setTimeout(poll, Math.max(after, pause * (0.75 + Math.random() / 2)));
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
  }

  // Poll at once when the page is visible or the network is back.
  function pollNow() { pause = PAUSE_MS; since = Date.now(); poll(); }
  window.addEventListener('online', pollNow);
  window.addEventListener('pageshow', pollNow);
  document.addEventListener('visibilitychange', function () { if (!document.hidden) { pollNow(); } });
  poll();

  // `/voucher#CODE`, as on a printed card and from the router: no server is sent what follows the #,
  // so the form sends it.
  function sendCode() {
    var field = document.getElementById('code');
    var code = location.hash.slice(1).replace(/%20/g, ' ');
    if (!field || !/^[A-Za-z0-9 -]{8,40}$/.test(code)) { return; }
    history.replaceState(null, '', location.pathname + location.search);
    field.value = code;
    field.form.submit();
  }
  window.addEventListener('hashchange', sendCode);
  sendCode();
})();
