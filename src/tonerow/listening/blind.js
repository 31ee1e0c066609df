// ---- the blind test

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function newSeed() {
  const fixed = /seed=(\d+)/.exec(location.hash);
  return fixed ? Number(fixed[1]) >>> 0 : crypto.getRandomValues(new Uint32Array(1))[0];
}

function questions(chosen, seed) {
  const random = randomFrom(seed);
  const list = groups.filter((_, i) => chosen < 0 || i === chosen)
    .flatMap((group) => group.pairs.map((pair) => ({ group, pair })))
    .filter(({ pair }) => pair.source && pair.source.files.mp3 && pair.sample.files.mp3);
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  const titles = new Set(); // several models may have been given one tune: it is asked about once
  const once = ({ pair: { title, name } }) => !titles.has(title || name) && titles.add(title || name);
  return list.filter(once).map((question) => ({ ...question, human: random() < 0.5 ? 0 : 1, answer: null }));
}

function logChoose(n, k) {
  let sum = 0;
  for (let i = 1; i <= k; i += 1) sum += Math.log((n - k + i) / i);
  return sum;
}

/** The chance of k or more of n, each with chance p. */
function atLeast(k, n, p) {
  let sum = 0;
  for (let i = k; i <= n; i += 1) {
    sum += Math.exp(logChoose(n, i) + i * Math.log(p) + (n - i) * Math.log1p(-p));
  }
  return sum;
}

/** The exact interval of Clopper and Pearson, 95 %. */
function interval(k, n) {
  const solve = (least, chance) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 60; i += 1) {
      const middle = (low + high) / 2;
      if (atLeast(least, n, middle) < chance) low = middle;
      else high = middle;
    }
    return low;
  };
  return [k === 0 ? 0 : solve(k, 0.025), k === n ? 1 : solve(k + 1, 0.975)];
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function codeOf(scores, seed) {
  const bytes = new TextEncoder().encode(JSON.stringify(scores));
  const base64 = btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const text = `tonerow1:${seed.toString(16).padStart(8, "0")}:${base64}`;
  return `${text}:${crc32(new TextEncoder().encode(text))}`;
}

function meaning(low, high) {
  if (low > 0.5) return "The interval lies above 50 %: you could tell the human tunes from the samples.";
  if (high >= 0.5) {
    return "The interval contains 50 %, which is guessing: from these answers, you could not tell them apart.";
  }
  return "The interval lies below 50 %: you heard a difference, but took the samples for the human tunes.";
}

let blindPlayers = [];
const say = (text) => { byId("status").textContent = text; };

function showBlind(title, ...content) {
  blindPlayers.forEach((player) => player.remove());
  blindPlayers = [];
  const head = el("h2", { tabindex: "-1" }, title);
  byId("blind").replaceChildren(el("div", { class: "card blind" }, head, ...content.filter(Boolean),
    el("p", { id: "status", class: "soft", role: "status" })));
  return head;
}

function showStart() {
  let chosen = -1;
  const count = el("span");
  const begin = (seed) => ask(questions(chosen, seed), 0, seed);
  const start = button("Start", () => begin(newSeed()), { class: "main" });
  const update = (value) => {
    chosen = value;
    const n = questions(chosen, 0).length;
    count.textContent = n ? plural(n, "pair") : "No pair has two tracks that can be heard.";
    start.disabled = !n;
  };
  update(-1);
  const filter = modelSelect(update);
  return showBlind("Blind test",
    el("p", {}, "You hear two tracks, A and B. One is a tune by humans, the other one was written by a network. " +
      "Which is the human tune? You may stop at any time. What you skip does not count."),
    el("p", { class: "soft" }, "If you have heard the pairs before, with their names, the score says little."),
    el("div", { class: "tools" }, filter, count), el("div", { class: "row" }, start));
}

function ask(list, index, seed) {
  if (index === list.length) { showScore(list, seed).focus(); return; }
  const question = list[index];
  const heard = new Set();
  const next = (answer) => { question.answer = answer; ask(list, index + 1, seed); };
  const picks = ["A", "B"].map((name, side) =>
    button(`${name} is the human tune`, () => next(side), { disabled: true }));
  const onheard = (side) => () => {
    heard.add(side);
    if (heard.size < 2) return;
    picks.forEach((pick) => { pick.disabled = false; });
    say("You have played both tracks. You can answer.");
  };
  const { sample, source } = question.pair;
  const made = (question.human === 0 ? [source, sample] : [sample, source]).map((track, side) =>
    new Player(track, "AB"[side], { plain: true, onheard: onheard(side), heading: el("h3", {}, "AB"[side]) }));
  const head = showBlind(`Pair ${index + 1} of ${list.length}`,
    el("div", { class: "tracks" }, ...made.map((player) => player.element)),
    el("p", {}, "Which one is the human tune? Play both, then answer."),
    el("div", { class: "row" }, ...picks, button("Skip", () => next(null)),
      button("Stop and see the score", () => showScore(list, seed).focus(), { class: "end" })));
  blindPlayers = made;
  head.focus();
}

function answerTable(list) {
  const model = (group) => (groups.length > 1 ? el("div", { class: "soft" }, group.title) : null);
  const row = ({ group, pair, human, answer }, i) => el("tr", {}, el("td", {}, String(i + 1)),
    el("td", {}, pair.title || pair.name, model(group)),
    el("td", {}, "AB"[human]), el("td", {}, answer === null ? "–" : "AB"[answer]),
    el("td", {}, answer === null ? "skipped" : answer === human ? "right" : "wrong"));
  const heads = ["Pair", "Human tune", "It was", "You said", "Score"];
  return el("table", { class: "results" }, el("caption", {}, "Your answers"),
    el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...list.map(row)));
}

const again = () => button("Start again", () => showStart().focus());

function codeField(code) {
  const onfocus = () => area.select();
  const area = el("textarea", { id: "code", readonly: true, rows: "3", spellcheck: "false", onfocus }, code);
  const copy = button("Copy the code", () => {
    area.focus();
    area.select();
    say(document.execCommand("copy") ? "Copied." : "Copy the selected code with your keyboard.");
  });
  const label = el("label", { for: "code" }, "Your score as a code. Send it to whoever asked you to listen.");
  return el("div", {}, label, area, el("div", { class: "row" }, copy, again()));
}

function showScore(list, seed) {
  const scores = groups.map((group) => {
    const asked = list.filter((question) => question.group === group && question.answer !== null);
    return [group.title, asked.filter(({ human, answer }) => human === answer).length, asked.length];
  }).filter(([, , asked]) => asked);
  const [right, asked] = [1, 2].map((i) => scores.reduce((sum, row) => sum + row[i], 0));
  if (!asked) {
    const text = el("p", {}, "You have answered nothing, so there is no score.");
    return showBlind("Your score", text, el("div", { class: "row" }, again()));
  }
  const [low, high] = interval(right, asked);
  const each = scores.map(([title, k, n]) => `${title}: ${k} of ${n}`).join("; ");
  const share = `${percent(right / asked)}, 95 % interval ${percent(low)} to ${percent(high)}.`;
  return showBlind("Your score", el("p", { class: "score" }, `${right} of ${asked} right`),
    scores.length > 1 ? el("p", { class: "soft" }, each) : null,
    el("p", {}, `${share} ${meaning(low, high)}`),
    answerTable(list), codeField(codeOf(scores, seed)));
}

// ---- the page

function redrawAll() { players.forEach((player) => player.show()); }

function choose(mode) {
  if (playing) playing.audio.pause();
  for (const name of ["listen", "blind"]) {
    byId(name).hidden = name !== mode;
    byId(`mode-${name}`).setAttribute("aria-pressed", String(name === mode));
  }
}

for (const name of ["listen", "blind"]) byId(`mode-${name}`).addEventListener("click", () => choose(name));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
buildListen();
showStart();
