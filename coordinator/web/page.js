"use strict";
(function () {
  const words = {o: "operational", m: "maintenance", d: "degraded performance", p: "partial outage",
                 x: "major outage", u: "not observed"};
  const names = {operational: "Operational", under_maintenance: "Maintenance",
                 degraded_performance: "Degraded performance", partial_outage: "Partial outage",
                 major_outage: "Major outage"};
  const live = document.body.dataset.live === "1";

  // Times as the reader's clock has them; the page itself says UTC.
  function localTimes(root) {
    for (const time of root.querySelectorAll("time"))
      time.title = new Date(time.dateTime).toLocaleString();
  }

  // What a day was, under the pointer.
  let tip = null;
  function showTip(event) {
    const bars = event.target.closest ? event.target.closest("svg.bars") : null;
    if (!bars) {
      if (tip) { tip.remove(); tip = null; }
      return;
    }
    const days = bars.dataset.days, box = bars.getBoundingClientRect();
    const at = Math.floor((event.clientX - box.left) / box.width * days.length);
    const day = Math.max(0, Math.min(days.length - 1, at));
    const date = new Date(Date.now() - (days.length - 1 - day) * 86400000).toISOString().slice(0, 10);
    if (!tip) {
      tip = document.createElement("div");
      tip.id = "tip";
      tip.setAttribute("role", "presentation");
      document.body.append(tip);
    }
    tip.textContent = date + ": " + words[days[day]];
    tip.style.left = Math.min(event.clientX, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = box.top - tip.offsetHeight - 4 + "px";
  }
  document.addEventListener("pointermove", showTip, {passive: true});
  document.addEventListener("pointerdown", showTip, {passive: true});

  function take(status) {
    const now = document.getElementById("now");
    now.innerHTML = status.now;
    localTimes(now);
    status.components.forEach(function (level, i) {
      const shown = document.querySelector("#component-" + (i + 1) + " .level");
      if (!shown) return;
      shown.className = "level " + level;
      shown.textContent = names[level];
    });
  }

  // The whole page again: bars and past incidents change slowly, and pages come back one by one.
  function look() {
    fetch(location.pathname, {cache: "no-cache"}).then(function (answer) {
      return answer.ok ? answer.text() : null;
    }).then(function (text) {
      if (!text) return;
      const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
      if (main) document.querySelector("main").replaceWith(main);
      localTimes(document);
    }).catch(function () {});
  }

  localTimes(document);
  if (live && window.EventSource) {
    new EventSource("api/v1/stream/page").addEventListener("status", function (event) {
      take(JSON.parse(event.data));
    });
    setInterval(look, 600000 + Math.random() * 300000);
  } else
    setInterval(look, 60000 + Math.random() * 10000);
})();
