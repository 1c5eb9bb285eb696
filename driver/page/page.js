"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const times = window.stepwellTimes || [];
  const HEIGHT = 18, MARGIN = 30, LONGEST = 600, MOST_MARKS = 500;
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const placeName = (place) => `${data.sources[data.places[place][0]].path}:${data.places[place][1]}`;
  const nodeName = (node) => {
    const [name, place] = data.nodes[node];
    return place < 0 ? name : `${name}@${placeName(place)}`;
  };
  const nodesByName = new Map(data.nodes.map((_, node) => [nodeName(node), node]));
  const placesByName = new Map(data.places.map((_, place) => [placeName(place), place]));

  // Texts are unpacked when they are shown, and kept for the columns that show them alone.
  const unpack = async (blob) => {
    const binary = atob(byId(`blob-${blob}`).textContent);
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const { text, links } = await new Response(stream).json();
    const perLine = [];
    for (const [link, count] of links) for (let i = 0; i < count; i++) perLine.push(link);
    return { lines: text.split("\n"), links: perLine };
  };

  const escapeText = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const IR = /(\/\/.*$)|("(?:[^"\\]|\\.)*")|(%[\w.\-#:]+)|(\b[a-z_]\w*(?:\.\w+)+)/g;
  const PYTHON = /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\bself\b)|(\b(?:def|class|return|import|from|for|in|if|else|elif|while|with|as|not|and|or|None|True|False|lambda|yield|raise|assert)\b)/g;
  const KINDS = ["c", "s", "v", "o"];
  const coloured = (line, tokens) => {
    const text = line.length > LONGEST ? `${line.slice(0, LONGEST)} …` : line;
    let result = "", end = 0;
    for (const token of text.matchAll(tokens)) {
      const kind = KINDS[token.slice(1).findIndex((part) => part !== undefined)];
      result += `${escapeText(text.slice(end, token.index))}<span class="${kind}">${escapeText(token[0])}</span>`;
      end = token.index + token[0].length;
    }
    return result + escapeText(text.slice(end));
  };

  // A selection is {nodes, places} (sets of numbers) or {find: text}; null is none.
  let selection = null;
  const columns = [];

  class Column {
    constructor(heading, tokens) {
      this.tokens = tokens;
      this.lines = [];
      this.matches = [];
      this.current = -1;
      this.section = make("section");
      this.section.setAttribute("aria-label", heading);
      this.head = this.section.appendChild(make("div", "head"));
      this.head.append(make("h2", "", heading));
      this.body = this.section.appendChild(make("div", "body"));
      this.space = this.body.appendChild(make("div"));
      this.rows = this.body.appendChild(make("div", "rows"));
      this.strip = this.section.appendChild(make("div", "strip"));
      this.body.addEventListener("scroll", () => this.schedule());
      this.body.addEventListener("click", (event) => this.clicked(event));
      this.body.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.schedule()).observe(this.body);
    }

    finishHead() {
      this.count = this.head.appendChild(make("span", "count"));
      const step = (text, label, by) => {
        const button = this.head.appendChild(make("button", "", text));
        button.type = "button";
        button.setAttribute("aria-label", label);
        button.addEventListener("click", () => this.step(by));
        return button;
      };
      this.steps = [step("‹", "previous match", -1), step("›", "next match", 1)];
    }

    show(lines) {
      this.lines = lines;
      this.space.style.height = `${lines.length * HEIGHT}px`;
      this.body.scrollTop = 0;
      this.select(true);
    }

    select(scroll) {
      const found = [];
      if (selection) for (let i = 0; i < this.lines.length; i++) if (this.isMatch(i)) found.push(i);
      this.matches = found;
      this.matched = new Set(found);
      const visible = found.findIndex((line) => this.isVisible(line));
      this.current = found.length ? Math.max(visible, 0) : -1;
      if (scroll && found.length && visible < 0) this.reveal(found[0]);
      this.update();
    }

    isMatch(line) {
      if (selection.find !== undefined) return this.lines[line].toLowerCase().includes(selection.find.toLowerCase());
      return this.comesFrom(line);
    }

    isVisible(line) {
      const top = line * HEIGHT;
      return top >= this.body.scrollTop && top + HEIGHT <= this.body.scrollTop + this.body.clientHeight;
    }

    reveal(line) {
      this.body.scrollTop = Math.max(0, line * HEIGHT - this.body.clientHeight / 3);
    }

    step(by) {
      const count = this.matches.length;
      if (!count) return;
      this.current = (this.current + by + count) % count;
      if (!this.isVisible(this.matches[this.current])) this.reveal(this.matches[this.current]);
      this.update();
    }

    update() {
      const count = this.matches.length;
      this.count.textContent = count ? `${this.current + 1} of ${count}` : `${this.lines.length} lines`;
      for (const button of this.steps) button.hidden = count < 2;
      this.strip.style.top = `${this.head.offsetHeight}px`;
      this.strip.replaceChildren();
      const every = Math.ceil(count / MOST_MARKS) || 1;
      for (let i = 0; i < count; i += every) {
        const mark = this.strip.appendChild(make("i"));
        mark.style.top = `${(100 * this.matches[i]) / this.lines.length}%`;
      }
      this.render();
    }

    schedule() {
      if (this.pending) return;
      this.pending = true;
      requestAnimationFrame(() => { this.pending = false; this.render(); });
    }

    // Only what can be seen is in the document, so that megabytes of IR scroll as well as a page of it.
    render() {
      const first = Math.max(0, Math.floor(this.body.scrollTop / HEIGHT) - MARGIN);
      const last = Math.min(this.lines.length, first + Math.ceil(this.body.clientHeight / HEIGHT) + 2 * MARGIN);
      const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.line : null;
      const current = this.matches[this.current];
      const html = [];
      for (let i = first; i < last; i++) {
        const kind = `row${this.matched.has(i) ? " match" : ""}${i === current ? " current" : ""}`;
        const content = `<span class="number" aria-hidden="true">${i + 1}</span><span>${coloured(this.lines[i], this.tokens)}</span>`;
        html.push(
          this.isLinked(i)
            ? `<button type="button" class="${kind}" data-line="${i}" aria-pressed="${this.matched.has(i)}">${content}</button>`
            : `<div class="${kind}">${content}</div>`
        );
      }
      this.rows.style.transform = `translateY(${first * HEIGHT}px)`;
      this.rows.innerHTML = html.join("");
      if (focused !== null) this.focus(Number(focused));
    }

    focus(line) {
      const row = this.rows.querySelector(`[data-line="${line}"]`);
      if (row) row.focus({ preventScroll: true });
    }

    clicked(event) {
      const row = event.target.closest("button.row");
      if (row) choose(this.selectionOf(Number(row.dataset.line)));
    }

    key(event) {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const row = event.target.closest("button.row");
      if (!by || !row) return;
      event.preventDefault();
      let line = Number(row.dataset.line) + by;
      while (line >= 0 && line < this.lines.length && !this.isLinked(line)) line += by;
      if (line < 0 || line >= this.lines.length) return;
      if (!this.isVisible(line)) this.reveal(line);
      this.render();
      this.focus(line);
    }
  }

  class LevelColumn extends Column {
    constructor(level, view) {
      super(level, IR);
      this.level = level;
      this.links = [];
      this.picker = this.head.appendChild(make("select"));
      this.picker.setAttribute("aria-label", `IR in column ${level}`);
      let group = null;
      data.views.forEach((one, index) => {
        if (!group || group.label !== one.stage) {
          group = this.picker.appendChild(make("optgroup"));
          group.label = one.stage;
        }
        const title = one.end && one.stage !== "code" ? `end of ${one.stage}` : one.name.split("{")[0];
        const option = group.appendChild(make("option", "", title));
        option.value = index;
      });
      this.picker.addEventListener("change", () => this.open(Number(this.picker.value)));
      this.finishHead();
      this.view = view;
    }

    async open(view) {
      this.view = view;
      this.picker.value = view;
      markShown();
      const { blob, file } = data.views[view];
      this.body.querySelector(".note")?.remove();
      if (blob === null) {
        const note = make("p", "note", "This dump is too large for the page: ");
        const link = note.appendChild(make("a", "", file));
        link.href = encodeURIComponent(file);
        this.links = [];
        this.show([]);
        this.body.append(note);
        return;
      }
      const { lines, links } = await unpack(blob);
      if (this.view !== view) return;
      this.links = links;
      this.show(lines);
    }

    isLinked(line) { return this.links[line] >= 0; }

    comesFrom(line) {
      const link = data.links[this.links[line]];
      if (!link) return false;
      const [nodes, places] = link;
      return nodes.some((node) => selection.nodes.has(node)) || places.some((place) => selection.places.has(place));
    }

    selectionOf(line) {
      const [nodes, places] = data.links[this.links[line]];
      return nodes.length ? { nodes: new Set(nodes), places: new Set() } : { nodes: new Set(), places: new Set(places) };
    }
  }

  class SourceColumn extends Column {
    constructor() {
      super("Python", PYTHON);
      this.numbers = data.sources.map(() => new Map());
      data.places.forEach(([source, line], place) => this.numbers[source].set(line - 1, place));
      this.source = 0;
      if (data.sources.length > 1) {
        this.picker = this.head.appendChild(make("select"));
        this.picker.setAttribute("aria-label", "source file");
        data.sources.forEach((source, index) => {
          const option = this.picker.appendChild(make("option", "", source.path));
          option.value = index;
        });
        this.picker.addEventListener("change", () => this.open(Number(this.picker.value)));
      } else {
        this.head.append(make("span", "count", data.sources[0]?.path ?? ""));
      }
      this.finishHead();
    }

    open(source) {
      this.source = source;
      if (this.picker) this.picker.value = source;
      this.body.querySelector(".note")?.remove();
      const text = data.sources[source]?.text;
      if (typeof text === "string") return this.show(text.split("\n"));
      const reason = data.sources.length ? "This file was not found when the page was written." : "No operation names a source line.";
      this.show([]);
      this.body.append(make("p", "note", reason));
    }

    select(scroll) {
      const wanted = selection ? [...chosenPlaces()].map((place) => data.places[place][0]) : [];
      if (wanted.length && !wanted.includes(this.source)) return this.open(wanted[0]);
      super.select(scroll);
    }

    isLinked(line) { return this.numbers[this.source]?.has(line) ?? false; }

    comesFrom(line) {
      const place = this.numbers[this.source].get(line);
      return place !== undefined && chosenPlaces().has(place);
    }

    selectionOf(line) { return { nodes: new Set(), places: new Set([this.numbers[this.source].get(line)]) }; }
  }

  const chosenPlaces = () => {
    const places = new Set(selection?.places ?? []);
    for (const node of selection?.nodes ?? []) if (data.nodes[node][1] >= 0) places.add(data.nodes[node][1]);
    return places;
  };

  // The fragment is the truth: a click writes it, and what is shown follows it (also with the browser's Back).
  const fragmentOf = (chosen) => {
    if (!chosen) return "";
    if (chosen.find !== undefined) return `find=${encodeURIComponent(chosen.find)}`;
    const nodes = [...chosen.nodes].map((node) => `node=${encodeURIComponent(nodeName(node))}`);
    const places = [...chosen.places].map((place) => `line=${encodeURIComponent(placeName(place))}`);
    return [...nodes, ...places].join("&");
  };
  const readFragment = () => {
    const found = { nodes: new Set(), places: new Set() };
    for (const [key, value] of new URLSearchParams(location.hash.slice(1).replace(/\+/g, "%2B"))) {
      if (key === "find" && value) return { find: value };
      const known = { node: nodesByName, line: placesByName }[key]?.get(value);
      if (known !== undefined) (key === "node" ? found.nodes : found.places).add(known);
    }
    return found.nodes.size || found.places.size ? found : null;
  };
  const choose = (chosen) => {
    const fragment = fragmentOf(chosen);
    if (location.hash.slice(1) === fragment) follow();
    else location.hash = fragment;
  };
  const follow = () => {
    selection = readFragment();
    for (const column of columns) column.select(true);
    byId("clear").hidden = !selection;
    byId("find").value = selection?.find ?? "";
    byId("selection").textContent = describe();
  };
  const describe = () => {
    if (!selection) return "Click an operation or a line of Python.";
    const lines = columns.map((column) => `${column.level ?? "Python"} ${column.matches.length}`).join(", ");
    if (selection.find !== undefined) return `“${selection.find}”: lines: ${lines}`;
    const names = [...selection.nodes].map((node) => data.nodes[node][0]);
    return `${names.length ? `${names.join(", ")} from ` : ""}${[...chosenPlaces()].map(placeName).join(", ")}: lines: ${lines}`;
  };

  const passButtons = [];
  const markShown = () => {
    const shown = new Set(columns.map((column) => column.view));
    passButtons.forEach((button, index) => button.classList.toggle("shown", shown.has(index)));
  };
  const fillPasses = () => {
    const list = byId("passes");
    let stage = null;
    data.views.forEach((view, index) => {
      if (view.stage !== stage) {
        stage = view.stage;
        const heading = list.appendChild(make("h2", "", stage));
        heading.append(make("span", "", view.level === stage ? "" : view.level));
      }
      const button = list.appendChild(make("button", view.changed ? "" : "same"));
      button.type = "button";
      button.title = view.changed || index === 0 ? view.name : `${view.name}: nothing changed`;
      button.append(make("span", "name", view.end && view.stage !== "code" ? `end of ${view.stage}` : view.name.split("{")[0]));
      button.append(make("span", "ms", times[index] ? `${times[index].toFixed(1)} ms` : ""));
      const changes = view.changes.map(([name, by]) => `${by > 0 ? "+" : "−"}${Math.abs(by)} ${name}`).join(", ");
      if (changes) button.append(make("span", "changes", changes));
      button.addEventListener("click", () => {
        const column = columns.find((one) => one.level === view.level);
        column.open(index);
        column.section.scrollIntoView({ inline: "nearest" });
      });
      passButtons.push(button);
    });
  };

  const start = async () => {
    byId("title").textContent = data.title;
    byId("target").textContent = data.target;
    const source = new SourceColumn();
    columns.push(source);
    const ends = new Map();
    data.views.forEach((view, index) => { if (view.end || !ends.has(view.level)) ends.set(view.level, index); });
    for (const [level, view] of ends) columns.push(new LevelColumn(level, view));
    byId("columns").append(...columns.map((column) => column.section));
    fillPasses();
    source.open(0);
    await Promise.all(columns.slice(1).map((column) => column.open(column.view)));
    follow();
    document.body.dataset.ready = "yes";
  };
  window.addEventListener("hashchange", follow);
  byId("clear").addEventListener("click", () => choose(null));
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("find").value;
    choose(text ? { find: text } : null);
  });
  byId("toggle").addEventListener("click", () => {
    const list = byId("passes");
    list.hidden = !list.hidden;
    byId("toggle").setAttribute("aria-expanded", String(!list.hidden));
  });
  start();
})();
