"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const layers = ["resolve", "connect", "tls", "login", "operate"];
  let status = null;   // the last whole answer
  let cells = [];      // buttons by probe, then agent's name
  let minutes = [];    // of the timeline
  let at = null;       // the minute that is looked at; null: live
  let chosen = null;   // {agent, target, probe} of the plot
  let plot = null, points = [];

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
      if (key === "class") node.className = value;
      else node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  function duration(us) {
    if (us === null || us === undefined) return "";
    if (us < 1000) return us + " µs";
    if (us < 1000000) return (us / 1000).toFixed(us < 10000 ? 1 : 0) + " ms";
    return (us / 1000000).toFixed(1) + " s";
  }

  function ago(us, now) {
    if (us === null) return "never";
    const seconds = Math.max(0, Math.round((now - us) / 1e6));
    return seconds < 120 ? seconds + " s ago" : Math.round(seconds / 60) + " min ago";
  }

  async function get(path) {
    const answer = await fetch(path);
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || path + ": " + answer.status);
  }

  function say(text) { $("state").textContent = text; }

  function card(verdict) {
    const what = verdict.class + (verdict.cause ? ", " + verdict.cause : "");
    const rivals = verdict.alternatives.map((one) =>
      one.class + " " + one.component + " " + Math.round(100 * one.confidence) + " %").join("; ");
    const node = make("article", {class: "card"},
      make("h3", {}, "#" + verdict.id + " " + verdict.component),
      make("p", {}, make("strong", {}, what), ", " + Math.round(100 * verdict.confidence) +
        " % sure, since " + verdict.since_at.slice(11, 19) + " UTC"),
      make("p", {class: "soft"}, "Seen from " + verdict.zones.join(", ") + "; touches " +
        verdict.targets.join(", ")),
      make("ul", {}, ...verdict.evidence.map((text) => make("li", {}, text))));
    if (rivals) node.append(make("p", {class: "soft"}, "Else: " + rivals));
    return node;
  }

  function showVerdicts(verdicts) {
    $("verdicts").replaceChildren(...(verdicts.length ? verdicts.map(card) :
      [make("p", {class: "card none"}, "No fault is known.")]));
  }

  function showNoVerdicts(reason) {
    $("verdicts").replaceChildren(make("p", {class: "card"}, reason));
  }

  function cellText(cell) {
    if (cell.state === "fail") return cell.layer + " " + (cell.error || "failed");
    if (cell.state === "unseen") return "–";
    return duration(cell.took_us);
  }

  function fill(button, cell) {
    button.className = cell.state;
    button.textContent = cellText(cell);
    button.setAttribute("aria-label", button.dataset.what + ": " +
      (cell.state === "ok" ? "fine, " + duration(cell.took_us) : cell.state === "unseen" ?
        "never seen" : cell.state + " " + cellText(cell)));
  }

  function showMatrix() {
    const agents = status.agents.map((agent) => agent.name);
    const head = make("tr", {}, make("th", {scope: "col"}, "Target / probe"),
      ...status.agents.map((agent) => make("th", {scope: "col"}, agent.zone + " / " + agent.name)));
    const body = make("tbody");
    cells = [];
    status.matrix.forEach(function (row, index) {
      const line = make("tr", {}, make("th", {scope: "row"}, row.target + " / " + row.probe));
      const by = new Map(row.cells.map((cell) => [cell.agent, cell]));
      cells[index] = new Map();
      for (const agent of agents) {
        const cell = by.get(agent);
        if (!cell) { line.append(make("td")); continue; }
        const button = make("button", {type: "button"});
        button.dataset.what = row.target + " " + row.probe + " from " + agent;
        button.addEventListener("click", () => choose(agent, row.target, row.probe));
        fill(button, cell);
        cells[index].set(agent, button);
        line.append(make("td", {}, button));
      }
      body.append(line);
    });
    $("matrix").replaceChildren(make("thead", {}, head), body);
  }

  function showAgents() {
    const columns = ["Agent", "Zone", "State", "Heard", "Software", "Plan", "Spooled", "Dropped", "Clock"];
    const body = make("tbody");
    for (const agent of status.agents) {
      const behind = agent.plan_version !== agent.plan_wanted;
      body.append(make("tr", {}, make("th", {scope: "row"}, agent.name), make("td", {}, agent.zone),
        make("td", {}, make("span", {class: agent.connected ? "ok" : "fail"},
          agent.connected ? "connected" : "not heard")),
        make("td", {}, ago(agent.last_us, status.t_us)), make("td", {}, agent.software),
        make("td", {}, agent.plan_error || agent.plan_version + (behind ? " (wanted " + agent.plan_wanted + ")" : "")),
        make("td", {}, String(agent.spooled)), make("td", {}, String(agent.dropped)),
        make("td", {}, agent.clock_offset_us === null ? "" : duration(Math.abs(agent.clock_offset_us)) +
          (agent.clock_offset_us < 0 ? " behind" : ""))));
    }
    $("agents").replaceChildren(
      make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", {scope: "col"}, name)))), body);
  }

  function sameShape(one, other) {
    const shape = (of) => JSON.stringify([of.agents.map((a) => a.name),
      of.matrix.map((row) => [row.target, row.probe, row.cells.length])]);
    return one && shape(one) === shape(other);
  }

  function fillMatrix(rows) {
    rows.forEach(function (row, index) {
      for (const cell of row.cells) {
        const button = cells[index] && cells[index].get(cell.agent);
        if (button) fill(button, cell);
      }
    });
  }

  async function refresh() {
    const news = await get("api/v1/status");
    const rebuild = !sameShape(status, news);
    status = news;
    if (rebuild) showMatrix();
    else if (at === null) fillMatrix(status.matrix);
    showAgents();
    if (at === null) showVerdicts(status.verdicts);
  }

  async function refreshTimeline() {
    minutes = (await get("api/v1/timeline")).minutes;
    const strip = $("strip"), space = "http://www.w3.org/2000/svg";
    strip.setAttribute("viewBox", "0 0 " + Math.max(60, minutes.length) + " 40");
    strip.replaceChildren(...minutes.map(function (minute, i) {
      const all = minute.ok + minute.fail + minute.stale || 1;
      const bar = document.createElementNS(space, "rect");
      const seen = minute.ok + minute.fail + minute.stale > 0;
      const share = minute.fail ? Math.max(0.2, minute.fail / all) : seen ? 1 : 0.05;
      bar.setAttribute("x", i + Math.max(0, 60 - minutes.length));
      bar.setAttribute("width", 0.85);
      bar.setAttribute("y", 40 - 40 * share);
      bar.setAttribute("height", 40 * share);
      bar.setAttribute("class", minute.fail ? "fail" : minute.ok ? "ok" : "stale");
      return bar;
    }));
    const failing = minutes.filter((minute) => minute.fail).length;
    strip.setAttribute("aria-label", minutes.length + " minutes kept, " + failing + " with failing probes");
    const slider = $("minute");
    slider.max = minutes.length;
    if (at === null) slider.value = minutes.length;
  }

  function showTime(text) { $("minute-text").textContent = text; }

  // What is not at hand comes in pieces.
  async function lookAtTime(time) {
    const text = new Date(time / 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
    at = time;
    document.body.classList.add("past");
    $("live").disabled = false;
    showTime(text + ", reading…");
    for (let past = null; !past || !past.complete;) {
      past = await get("api/v1/timeline/" + time);
      if (at !== time) return;
      fillMatrix(past.matrix);
      showVerdicts(past.verdicts);
      showTime(past.step_us > 60000000 ? "The hour from " + past.t_at.slice(0, 16).replace("T", " ") + " UTC" :
        text + (past.complete ? "" : ", reading…"));
    }
  }

  const unlessKept = (time) => (error) => {
    if (at !== time) return;
    fillMatrix(status.matrix.map((row) => ({cells: row.cells.map((cell) => ({agent: cell.agent, state: "unseen"}))})));
    showNoVerdicts("Whether there was a fault is not known.");
    showTime("Nothing to show: " + error.message);
  };

  function lookAt(index) {
    if (!minutes[index]) goLive();
    else lookAtTime(minutes[index].t_us).catch(unlessKept(minutes[index].t_us));
  }

  function lookAtChosen() {
    const time = Date.parse($("when").value + "Z") * 1000;
    if (Number.isNaN(time)) { $("when").focus(); return; }
    lookAtTime(time).catch(unlessKept(time));
  }

  function goLive() {
    at = null;
    document.body.classList.remove("past");
    $("live").disabled = true;
    $("minute").value = minutes.length;
    showTime("Live");
    if (status) { fillMatrix(status.matrix); showVerdicts(status.verdicts); }
    refresh().catch(() => {});
  }

  const milli = (us) => us === null ? null : us / 1000;

  async function choose(agent, target, probe) {
    const query = new URLSearchParams({agent, target, probe});
    const past = await get("api/v1/latency?" + query);
    chosen = {agent, target, probe};
    $("plot-text").textContent = target + " / " + probe + " from " + agent +
      ": how long each layer took, in ms";
    points = past.minutes_us.map((t, i) =>
      [new Date(t / 1000), milli(past.took_us[i])].concat(layers.map((layer) => milli(past[layer][i]))));
    if (!window.Dygraph) {
      $("plot-text").textContent += ". This coordinator was built without the chart library " +
        "(Debian's libjs-dygraphs), so there is no chart here.";
      return;
    }
    $("frame").classList.add("drawn");
    plot = new Dygraph($("plot"), points, {
      labels: ["time", "whole"].concat(layers), labelsUTC: true, legend: "always", labelsDiv: $("plot-legend"),
      connectSeparatedPoints: true, drawPoints: points.length < 60, pointSize: 2, strokeWidth: 2,
      colors: ["#7a5af5", "#0e8f9e", "#c2410c", "#b42390", "#2f6fdd", "#3c8f3c"], ylabel: "ms",
      axes: {x: {drawGrid: false}}, includeZero: true});
    $("frame").scrollIntoView({block: "nearest"});
  }

  function takeChanges(news) {
    if (!status) return;
    for (const [probe, agent, state, layer, error, took, phases] of news.cells) {
      const name = status.agents[agent] && status.agents[agent].name;
      const row = status.matrix[probe];
      const cell = row && row.cells.find((one) => one.agent === name);
      if (!cell) continue;
      Object.assign(cell, {state, layer, error, took_us: took});
      const button = at === null && cells[probe] && cells[probe].get(name);
      if (button) fill(button, cell);
      if (plot && chosen && name === chosen.agent && row.target === chosen.target && row.probe === chosen.probe) {
        points.push([new Date(news.t_us / 1000), took / 1000].concat(phases.map(milli)));
        if (points.length > 5000) points.shift();
        plot.updateOptions({file: points});
      }
    }
  }

  function follow() {
    const matrix = new EventSource("api/v1/stream/matrix"), verdicts = new EventSource("api/v1/stream");
    matrix.addEventListener("open", () => say("Live"));
    matrix.addEventListener("error", () => say("The coordinator is not heard; trying again…"));
    matrix.addEventListener("matrix", (event) => takeChanges(JSON.parse(event.data)));
    verdicts.addEventListener("verdict", () => refresh().catch(() => {}));
  }

  $("minute").addEventListener("input", (event) => lookAt(+event.target.value));
  $("look").addEventListener("click", lookAtChosen);
  $("live").addEventListener("click", goLive);
  const again = () => refresh().catch((error) => say(String(error.message)));
  again().then(refreshTimeline).then(follow).catch((error) => say(String(error.message)));
  setInterval(again, 10000);
  setInterval(() => refreshTimeline().catch(() => {}), 15000);
})();
