const { groups } = JSON.parse(document.getElementById("data").textContent);
const NATS = 3; // the end of the colour scale: a chance of one in twenty
const CLOSE = 22; // pixels a second, at least, unless the whole tune is shown
const OVERVIEW = 20; // pixels at the foot of a roll that does not show the whole tune
const STEP = 2; // seconds that an arrow key moves
const FRAMED = "If nothing is saved, this frame forbids it (MLflow's does): download the page, and open the file.";
const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const byId = (id) => document.getElementById(id);
const players = new Set();
let playing = null; // the one player that sounds
let whole = false; // whether rolls show whole tunes

// ---- small things

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const button = (text, onclick, extra = {}) => el("button", { type: "button", onclick, ...extra }, text);
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const pitchName = (pitch) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);
const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function icon() {
  const box = el("span", { "aria-hidden": "true" });
  box.innerHTML = '<svg class="start" viewBox="0 0 10 10"><path d="M1 0l9 5-9 5z"/></svg>' +
    '<svg class="pause" viewBox="0 0 10 10"><path d="M1 0h3v10H1zM6 0h3v10H6z"/></svg>';
  return box;
}

// ---- colours, from the style sheet

function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["ink", "soft", "line", "card", "accent", "given", "unscored", "low", "middle", "high"];
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

function surprise(nats, theme) {
  const place = clamp(nats / NATS, 0, 1) * 2;
  const [from, to] = place < 1 ? [theme.low, theme.middle] : [theme.middle, theme.high];
  const part = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  const share = place < 1 ? place : place - 1;
  const mix = (i) => Math.round(part(from, i) + (part(to, i) - part(from, i)) * share);
  return `rgb(${mix(0)} ${mix(1)} ${mix(2)})`;
}

function noteColour([, , , nats, given], theme) {
  if (given) return theme.given;
  return nats === null ? theme.unscored : surprise(nats, theme);
}

function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return [context, width, height];
}

function drawLegend(canvas) {
  const [context, width, height] = fitted(canvas);
  const theme = colours();
  for (let x = 0; x < width; x += 1) {
    context.fillStyle = surprise((x / (width - 1)) * NATS, theme);
    context.fillRect(x, 0, 2, height);
  }
}

// ---- one track: sound, roll and controls

class Player {
  constructor(track, name, { heading, plain = false, pitches = [60, 72], onheard = null }) {
    Object.assign(this, { track, name, plain, pitches, from: 0, hover: null });
    this.end = Math.max(1, ...track.notes.map(([on, length]) => on + length));
    this.audio = el("audio", { preload: "metadata", src: track.files.mp3 ? track.files.mp3.url : false });
    this.canvas = el("canvas", { class: plain ? "roll plain" : "roll", role: "slider", tabindex: "0",
      "aria-label": `Position in ${name}`, "aria-valuemin": "0" });
    this.time = el("span", { class: "time" });
    this.note = el("span", { class: "note", "aria-hidden": "true" });
    this.label = el("span", {}, "Play");
    this.play = button("", () => this.toggle(), { class: "play", disabled: !track.files.mp3 });
    this.play.append(icon(), this.label);
    const controls = el("div", { class: "controls" }, this.play, this.time, this.note);
    this.element = el("div", { class: "track" }, heading, this.canvas, controls, this.audio);
    this.listen(onheard);
    this.show();
    players.add(this);
  }

  get length() { return Number.isFinite(this.audio.duration) ? this.audio.duration : this.end; }

  listen(onheard) {
    const { audio, canvas } = this;
    for (const name of ["timeupdate", "seeked", "loadedmetadata", "play", "pause", "ended"]) {
      audio.addEventListener(name, () => this.show());
    }
    audio.addEventListener("play", () => {
      if (playing && playing !== this) playing.audio.pause();
      playing = this;
      this.animate();
    });
    if (onheard) audio.addEventListener("playing", onheard, { once: true });
    audio.addEventListener("error", () => { this.time.textContent = "This sound cannot be played here."; });
    canvas.addEventListener("click", (event) => this.seek(this.at(event)));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.show(); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(canvas);
  }

  remove() {
    this.audio.pause();
    this.observer.disconnect();
    players.delete(this);
  }

  toggle() {
    if (!this.audio.paused) this.audio.pause();
    else this.audio.play().catch((error) => {
      if (error.name !== "AbortError") this.time.textContent = "The sound did not start.";
    });
  }

  seek(seconds) {
    // Chromium may fail to seek to the very end of a sound that has not played yet.
    this.audio.currentTime = clamp(seconds, 0, Math.max(0, this.length - 0.1));
    this.show();
  }

  key(event) {
    const now = this.audio.currentTime;
    const moves = { ArrowRight: now + STEP, ArrowUp: now + STEP, ArrowLeft: now - STEP, ArrowDown: now - STEP,
      PageUp: now + 5 * STEP, PageDown: now - 5 * STEP, Home: 0, End: this.length };
    if (event.key in moves) this.seek(moves[event.key]);
    else if ((event.key === " " || event.key === "Enter") && !this.play.disabled) this.toggle();
    else return;
    event.preventDefault();
  }

  move(event) {
    this.hover = this.at(event);
    if (event.buttons & 1 && event.pointerType === "mouse") this.seek(this.hover);
    this.show();
  }

  /** Seconds that the roll shows. */
  span() {
    return whole || this.plain ? this.length : Math.min(this.length, this.canvas.clientWidth / CLOSE);
  }

  /** Seconds at a pointer, on the roll or on the overview below it. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = clamp((event.clientX - box.left) / box.width, 0, 1);
    const below = this.span() < this.length && event.clientY > box.bottom - OVERVIEW;
    return below ? share * this.length : this.from + share * this.span();
  }

  animate() {
    if (this.audio.paused) return;
    this.draw();
    requestAnimationFrame(() => this.animate());
  }

  show() {
    const now = this.audio.currentTime;
    this.label.textContent = this.audio.paused ? "Play" : "Pause";
    this.play.toggleAttribute("data-playing", !this.audio.paused);
    this.play.setAttribute("aria-label", `${this.label.textContent} ${this.name}`);
    if (!this.audio.error) this.time.textContent = `${minutes(now)} / ${minutes(this.length)}`;
    this.canvas.setAttribute("aria-valuemax", Math.round(this.length));
    this.canvas.setAttribute("aria-valuenow", Math.round(now));
    this.canvas.setAttribute("aria-valuetext", `${Math.round(now)} of ${Math.round(this.length)} seconds`);
    const quiet = this.plain || (this.hover === null && now === 0);
    this.note.textContent = quiet ? "" : this.noteAt(this.hover ?? now);
    this.draw();
  }

  noteAt(seconds) {
    const note = this.track.notes.find(([on, length]) => on <= seconds && seconds < on + length);
    if (!note) return "";
    const [, , pitch, nats, given, drum] = note;
    const score = given ? "given" : nats === null ? "" : `${nats.toFixed(2)} nats`;
    return [drum ? `drum ${pitch}` : pitchName(pitch), score].filter(Boolean).join(", ");
  }

  /** Turns the page when the cursor leaves it: at once, or over some frames. */
  follow(span) {
    const now = this.audio.currentTime;
    const last = Math.max(0, this.length - span);
    if (this.goal === undefined || now < this.goal || now > this.goal + 0.97 * span) {
      this.goal = clamp(now - 0.06 * span, 0, last);
    }
    this.goal = clamp(this.goal, 0, last);
    const smooth = !still.matches && !this.audio.paused && Math.abs(this.goal - this.from) > 0.01;
    this.from = smooth ? this.from + (this.goal - this.from) * 0.18 : this.goal;
  }

  draw() {
    if (!this.canvas.clientWidth) return;
    const [context, width, height] = fitted(this.canvas);
    const [theme, span, now] = [colours(), this.span(), this.audio.currentTime];
    this.follow(span);
    const cut = span < this.length;
    const foot = cut ? height - OVERVIEW : height;
    const x = (seconds) => ((seconds - this.from) / span) * width;
    if (this.plain) this.drawBar(context, x(now), height, width, theme);
    else {
      this.drawGrid(context, x, span, width, foot, theme);
      this.drawNotes(context, x, width, foot - 16, theme, now);
    }
    if (cut) this.drawOverview(context, width, height, span, theme);
    if (this.hover !== null) line(context, x(this.hover), 0, foot, theme.soft, 1);
    line(context, x(now), 0, foot, theme.ink, 2);
  }

  drawBar(context, x, height, width, theme) {
    context.fillStyle = theme.line;
    context.fillRect(0, height / 2 - 2, width, 4);
    context.fillStyle = theme.accent;
    context.fillRect(0, height / 2 - 2, x, 4);
  }

  drawGrid(context, x, span, width, foot, theme) {
    context.font = "11px system-ui, sans-serif";
    const every = [1, 2, 5, 10, 15, 30, 60, 120].find((s) => (s / span) * width > 64) || 300;
    for (let s = Math.ceil(this.from / every) * every; s < this.from + span; s += every) {
      line(context, x(s), 0, foot, theme.line, 1);
      context.fillStyle = theme.soft;
      if (x(s) < width - 30) context.fillText(minutes(s), x(s) + 4, foot - 5);
    }
  }

  drawNotes(context, x, width, height, theme, now) {
    const [low, high] = this.pitches;
    const row = (height - 8) / (high - low + 1);
    for (const note of this.track.notes) {
      const [on, length, pitch, , , drum] = note;
      const [left, right] = [x(on), drum ? x(on) + 3 : x(on + length)];
      if (right < 0 || left > width) continue;
      const top = 4 + (high - pitch) * row;
      const box = [left, top, Math.max(1.5, right - left - 1), Math.max(2, row - 0.5)];
      context.fillStyle = noteColour(note, theme);
      context.fillRect(...box);
      if (on <= now && now < on + length && now > 0) {
        context.strokeStyle = theme.ink;
        context.lineWidth = 1.5;
        context.strokeRect(...box);
      }
    }
  }

  drawOverview(context, width, height, span, theme) {
    const [low, high] = this.pitches;
    const [top, scale] = [height - OVERVIEW, width / this.length];
    context.fillStyle = theme.line;
    context.fillRect(this.from * scale, top, span * scale, OVERVIEW);
    for (const note of this.track.notes) {
      const y = top + 3 + ((high - note[2]) / (high - low + 1)) * (OVERVIEW - 6);
      context.fillStyle = noteColour(note, theme);
      context.fillRect(note[0] * scale, y, Math.max(1, note[1] * scale), 1.5);
    }
    line(context, this.audio.currentTime * scale, top, height, theme.ink, 1);
  }
}

function line(context, x, top, bottom, colour, width) {
  context.fillStyle = colour;
  context.fillRect(Math.round(x) - Math.floor(width / 2), top, width, bottom - top);
}

// ---- listen

function range(pair) {
  const pitches = [pair.sample, pair.source].flatMap((track) => (track ? track.notes.map((n) => n[2]) : []));
  const [low, high] = pitches.length ? [Math.min(...pitches), Math.max(...pitches)] : [60, 72];
  const more = Math.max(0, Math.ceil((12 - (high - low)) / 2));
  return [low - more, high + more];
}

function heading(text, detail, track) {
  const scores = track.notes.filter((note) => note[3] !== null && !note[4]).map((note) => note[3]);
  const title = el("h4", {}, text, el("span", {}, detail));
  const score = scores.length ? `mean ${mean(scores).toFixed(2)} nats, ${plural(scores.length, "note")}` : "";
  return el("div", { class: "bar" }, title, el("span", { class: "soft" }, score));
}

/** What a track is that may be somebody's own file. */
function kind(pair) {
  return pair.source || pair.sample.notes.some((note) => note[3] !== null) ? "Sample" : "Tune";
}

function number(value) {
  return value === undefined || value === null ? "–" : String(Number(value.toPrecision(3)));
}

function descriptorTable(pair) {
  const tracks = [pair.sample, pair.source].filter(Boolean).map((track) => new Map(track.descriptors));
  const names = [...new Set(tracks.flatMap((values) => [...values.keys()]))];
  if (!names.length) return null;
  const heads = [kind(pair), "Human"].slice(0, tracks.length);
  const row = (name) => el("tr", {}, el("th", { scope: "row" }, name.replaceAll("_", " ")),
    ...tracks.map((values) => el("td", { class: "number" }, number(values.get(name)))));
  const top = el("tr", {}, el("td"), ...heads.map((text) => el("th", { scope: "col", class: "number" }, text)));
  return el("table", {}, el("caption", {}, "Counted from the notes"),
    el("thead", {}, top), el("tbody", {}, ...names.map(row)));
}

function downloads(pair) {
  const links = (track) => Object.entries(track.files).map(([kind, { name, url }]) =>
    el("a", { href: url, download: name, "aria-label": `Download ${name}` }, kind.toUpperCase()));
  const rows = [[kind(pair), pair.sample], ["Human tune", pair.source]].filter(([, track]) => track);
  const items = rows.map(([text, track]) => el("li", {}, text, ...links(track)));
  const framed = window === window.top ? null : el("li", { class: "soft" }, FRAMED);
  return el("ul", { class: "files" }, ...items, framed);
}

function card(pair) {
  const pitches = range(pair);
  const tracks = el("div", { class: "tracks" });
  const add = (track, name, text, detail) =>
    tracks.append(new Player(track, name, { heading: heading(text, detail, track), pitches }).element);
  add(pair.sample, pair.name, kind(pair), "");
  if (pair.source) add(pair.source, `human tune of ${pair.name}`, "Human tune", pair.title && ` ${pair.title}`);
  const side = el("div", {}, descriptorTable(pair), downloads(pair));
  const columns = el("div", { class: "columns" }, tracks, side);
  return el("article", { class: "card" }, el("h3", {}, pair.name), columns, sheetMusic(pair.sample, pair.name));
}

function legend() {
  const entry = (swatch, text) => el("span", {}, swatch, text);
  const scale = el("canvas", { "aria-hidden": "true" });
  const redraw = () => drawLegend(scale);
  new ResizeObserver(redraw).observe(scale);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const tracks = groups.flatMap((group) => group.pairs.flatMap(({ sample, source }) => [sample, source]));
  const notes = tracks.flatMap((track) => (track ? track.notes : []));
  const is = { given: notes.some((n) => n[4]), unscored: notes.some((n) => !n[4] && n[3] === null) };
  return el("p", { class: "legend soft" },
    el("span", {}, "expected: 0", scale, `${NATS} nats: surprising`),
    is.given ? entry(el("span", { class: "swatch" }), "given to the model") : null,
    is.unscored ? entry(el("span", { class: "swatch unscored" }), "not scored") : null);
}

function modelSelect(onchange) {
  const options = groups.map((group, i) => el("option", { value: i }, group.title));
  const select = el("select", { onchange: () => onchange(Number(select.value)) },
    el("option", { value: "-1" }, "all"), ...options);
  return groups.length > 1 ? el("label", {}, "Model", select) : null;
}

function picture(group) {
  if (!group.picture) return null;
  const alt = "Histograms of samples and human tunes, and the share of both that stands in runs of train";
  return el("details", { class: "counts" }, el("summary", {}, "Samples beside human tunes, counted"),
    el("img", { src: group.picture, alt }), countedTable(group.counted || []));
}

function countedTable(counted) {
  if (!counted.length) return null;
  const row = ({ name, unit, says, samples, human }) => el("tr", {},
    el("th", { scope: "row" }, name.replaceAll("_", " "), el("span", { class: "soft" }, says)),
    ...[unit, samples, human].map((text) => el("td", {}, text || "–")));
  const heads = ["", "unit", "samples (95 %)", "human tunes (95 %)"];
  const top = el("tr", {}, ...heads.map((text) => el(text ? "th" : "td", { scope: text && "col" }, text)));
  return el("div", { class: "wide" }, el("table", {}, el("caption", {}, "Samples and human tunes, with 95 % intervals"),
    el("thead", {}, top), el("tbody", {}, ...counted.map(row))));
}

function buildListen() {
  const about = ([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value));
  const sections = groups.map((group) => el("section", { class: "group" }, el("h2", {}, group.title),
    el("dl", { class: "about soft" }, ...group.about.map(about)), picture(group), ...group.pairs.map(card)));
  const filter = modelSelect((chosen) => sections.forEach((section, i) => {
    section.hidden = chosen >= 0 && i !== chosen;
    if (playing && section.hidden && section.contains(playing.element)) playing.audio.pause();
  }));
  const box = el("input", { type: "checkbox", onchange: () => { whole = box.checked; redrawAll(); } });
  const tools = el("div", { class: "tools" }, filter, el("label", {}, box, "Show whole tunes"), legend());
  const intro = "Each note is coloured by the nats that the model needed for it. Click into a roll to hear it " +
    "from there. If you want to take the blind test, take it first.";
  byId("listen").append(el("p", { class: "soft" }, intro), tools, ...sections);
}
