// The sandbox's phone shows new prompts by itself. ES2015 at most, as guest.js.
(function () {
  'use strict';

  var screen = document.getElementById('screen');
  function refreshScreen() {
    var fresh = new XMLHttpRequest();
    fresh.open('GET', screen.getAttribute('data-fresh'));
    fresh.onload = function () {
      var page = new DOMParser().parseFromString(fresh.responseText, 'text/html');
      var next = page.getElementById('screen');
      if (next && next.innerHTML !== screen.innerHTML && !screen.contains(document.activeElement)) {
        screen.parentNode.replaceChild(document.adoptNode(next), screen);
        screen = next;
      }
    };
    fresh.onloadend = function () { window.setTimeout(refreshScreen, 1000); };
    fresh.send();
  }
  if (screen) { window.setTimeout(refreshScreen, 1000); }
})();
