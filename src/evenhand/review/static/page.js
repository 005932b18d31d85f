"use strict";
// The page asks the server for one picture, or one screenful, at a time. It shows the next only when the server
// has said that the decision is on the disk.
const $ = id => document.getElementById(id);
const page = {list: "suspects", at: 0, item: null, grid: null, length: 0, classes: [], busy: false, many: false, looking: null};

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} :
      {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body)});
  } catch (error) {
    throw new Error("The server has stopped. What you decided is kept; start evenhand review again.");
  }
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let words = text;
  try { words = JSON.parse(text).error; } catch (error) { /* plain words already */ }
  throw new Error(words);
}

// One thing at a time: a key pressed before the next picture is there would be about a picture nobody has seen.
async function alone(work) {
  if (page.busy) return;
  page.busy = true;
  document.body.dataset.busy = "yes";
  try { await page.looking; await work(); } catch (error) { say(error.message, true); } finally {
    page.busy = false;
    delete document.body.dataset.busy;
  }
}

let fading;
function say(text, bad) {
  $("toast").textContent = text;
  $("toast").className = bad ? "on bad" : "on";
  clearTimeout(fading);
  fading = setTimeout(() => { $("toast").className = ""; }, bad ? 12000 : 2500);
}

const percent = value => value > 0 && value < .005 ? "<1\u00a0%" : value < 1 && value > .995 ? ">99\u00a0%" : `${Math.round(100 * value)}\u00a0%`;
const range = share => `${Math.round(100 * share.low)} to ${Math.round(100 * share.high)} %`;

function make(tag, text, kind) {
  const found = document.createElement(tag);
  if (text !== undefined) found.textContent = text;
  if (kind) found.className = kind;
  return found;
}

function image(row, words) {
  const found = make("img");
  found.src = `/image/${row}.png`;
  found.alt = words;
  found.loading = "lazy";
  return found;
}

// --- how far the review is -------------------------------------------------------------------------------------

function tell(state, mine) {
  // More entries than this window has written: another window, or another program, has decided as well.
  if (page.length && state.length > page.length + mine) say("Decisions from another window have been taken in.");
  page.length = state.length;
  document.body.dataset.length = state.length;
  $("bar").max = Math.max(1, state.suspects);
  $("bar").value = state.suspects_settled;
  $("done").textContent = state.suspects ? `${state.suspects_settled} of ${state.suspects} suspects` : "no suspects";
  $("advice").textContent = state.advice;
  const figures = [];
  const right = state.precision, missed = state.missed;
  figures.push([right ? percent(right.value) : "–", right
    ? `of the suggestions are right (${right.hits} of ${right.n}; 95 % interval ${range(right)})`
    : "of the suggestions are right: not known yet"]);
  figures.push([`about ${Math.round(state.left_by_suspicion)}`, "wrong labels left among the open pictures, by their suspicion"]);
  const open = state.unsuspected_open;
  figures.push([missed ? `${Math.round(open * missed.low)} to ${Math.round(open * missed.high)}` : "–", missed
    ? `wrong labels among the ${open} open pictures that nobody suspects, by random checks (${missed.hits} of ${missed.n} were wrong)`
    : `wrong labels among the ${open} open pictures that nobody suspects: known after the first random checks`]);
  figures.push([String(state.settled), `pictures settled: ${state.changed} relabelled, ${state.excluded} excluded`]);
  $("figures").replaceChildren(...figures.map(([value, words]) => {
    const box = make("div");
    box.append(make("dt", words), make("dd", value));
    return box;
  }));
}

// --- one picture -----------------------------------------------------------------------------------------------

async function show(at, open, mine = 0) {
  const words = new URLSearchParams({list: page.list, at});
  if (open) words.set("open", "1");
  present(await ask(`/api/item?${words}`), mine);
}

function present(item, mine) {
  tell(item.state, mine);
  page.item = item.row === null ? null : item;
  page.at = item.at;
  if (!page.item) { $("reason").textContent = "There is nothing in this list."; return; }
  draw(item);
  if (!item.ready) setTimeout(() => again(item.row), 400);
}

function draw(item) {
  $("picture").src = `/image/${item.row}.png`;
  $("picture").alt = `Picture filed as ${item.given}`;
  $("place").textContent = `${item.at + 1} of ${item.total}`;
  $("path").textContent = item.path;
  $("given").textContent = item.given;
  $("suggested").textContent = item.suggested;
  $("single").classList.toggle("same", item.given === item.suggested);
  $("looks").textContent = item.check ? "Random check:" : "Looks like";
  $("verdict").hidden = !item.decided;
  $("verdict").textContent = !item.decided ? "" : item.verdict === null ? "Settled: excluded" : `Settled: ${item.verdict}`;
  $("reason").textContent = item.reason;
  $("accept").lastElementChild.textContent = item.suggested;
  $("keep").lastElementChild.textContent = `Keep ${item.given}`;
  $("keep").hidden = item.given === item.suggested;
  bars(item);
  for (const button of $("classes").children) button.setAttribute("aria-pressed", item.decided && button.value === item.verdict);
  alike(item);
  document.body.dataset.row = item.row;
  document.body.dataset.at = item.at;
}

function bars(item) {
  const lines = [["label is wrong", item.suspicion, "main"]];
  if (item.probabilities) {
    const order = page.classes.map((name, place) => [name, item.probabilities[place], name === item.suggested ? "looks" : ""]);
    lines.push(...order.sort((one, other) => other[1] - one[1]).slice(0, 6));
  }
  $("bars").replaceChildren(...lines.map(([name, value, kind]) => {
    const line = make("div", undefined, kind), bar = make("i");
    bar.style.setProperty("--share", `${100 * value}%`);
    line.append(make("span", name), bar, make("span", percent(value)));
    return line;
  }));
}

function alike(item) {
  $("alike").replaceChildren(...item.neighbours.map(group => {
    const box = make("div"), row = make("div");
    box.append(make("h2", `Most alike among ${group.class}`), row);
    row.append(...group.rows.map(number => image(number, `A picture of ${group.class}`)));
    return box;
  }));
}

async function again(row) {
  // The neighbours were not ready yet; nothing else on the page changes.
  if (page.many || page.busy || !page.item || page.item.row !== row) return;
  const item = await ask(`/api/item?${new URLSearchParams({list: page.list, at: page.at})}`).catch(() => null);
  if (!item || !page.item || page.item.row !== row || page.busy) return;
  alike(item);
  if (!item.ready) setTimeout(() => again(row), 400);
}

function decide(action, label) {
  const item = page.item;
  if (!item) return;
  alone(async () => {
    const then = {list: page.list, at: page.at + 1 < item.total ? page.at + 1 : page.at};
    present(await ask("/api/decide", {decisions: [{row: item.row, action, label}], then}), 1);
  });
}

const set = name => page.item && decide(name === page.item.given ? "keep" : "label", name);
const accept = () => page.item && set(page.item.suggested);
const move = step => alone(() => show(page.at + step, false));

function undo() {
  alone(async () => {
    const told = await ask("/api/undo", {list: page.list});
    const state = told.state;
    tell(state, state.undone);
    say(state.undone ? state.undone > 1 ? `${state.undone} decisions undone` : "Undone" : "There is nothing to undo.");
    const at = state.at === null ? page.at : state.at;
    await (page.many ? screenful(state.undone && state.at !== null ? at : page.at) : show(at, false));
  });
}

// --- a screenful -----------------------------------------------------------------------------------------------

function fitting() {
  const width = Math.min(innerWidth, 1152) - 32, columns = Math.max(2, Math.floor((width + 11) / 126));
  return columns * Math.max(2, Math.floor((innerHeight - 170) / 190));
}

async function screenful(at, mine = 0) {
  const grid = await ask(`/api/grid?${new URLSearchParams({list: page.list, at: Math.max(0, at), count: fitting()})}`);
  tell(grid.state, mine);
  page.grid = grid;
  page.at = grid.at;
  for (const item of grid.items) item.wanted = item.decided ? null : item.suggested;
  $("tiles").replaceChildren(...grid.items.map(tile));
  counted();
  document.body.dataset.at = grid.at;
}

function tile(item) {
  const button = make("button"), name = make("b"), words = make("small");
  button.type = "button";
  button.append(image(item.row, ""), name, words);
  button.dataset.row = item.row;
  const write = () => {
    const changed = item.wanted !== null && item.wanted !== item.given;
    button.classList.toggle("change", changed);
    button.classList.toggle("settled", item.wanted === null && item.decided);
    name.textContent = item.wanted ?? (item.decided ? item.verdict ?? "excluded" : "left open");
    words.textContent = item.wanted === null ? item.decided ? "settled" : `filed as ${item.given}` : changed
      ? `instead of ${item.given} · ${percent(item.suspicion)}` : item.check ? "as filed · random check" : "as filed";
  };
  button.addEventListener("click", () => {
    // Suggested label, label as filed, left as it is; where the two are the same there is nothing between.
    item.wanted = item.wanted === null ? item.suggested : item.wanted !== item.given ? item.given : null;
    write();
    counted();
  });
  write();
  return button;
}

function counted() {
  const number = page.grid.items.filter(item => item.wanted !== null).length;
  $("settle").lastElementChild.textContent = number ? `Settle these ${number}` : "Next screenful";
}

function settle() {
  alone(async () => {
    const grid = page.grid, wanted = grid.items.filter(item => item.wanted !== null);
    if (wanted.length) {
      const decisions = wanted.map(item => ({row: item.row, action: item.wanted === item.given ? "keep" : "label", label: item.wanted}));
      tell((await ask("/api/decide", {decisions})).state, wanted.length);
    }
    await screenful(grid.at + grid.items.length < grid.total ? grid.at + grid.items.length : grid.at);
    scrollTo(0, 0);
    $("tiles").firstElementChild?.focus({preventScroll: true});
  });
}

const turn = step => alone(() => screenful(page.at + step * fitting()));

function mode(many) {
  page.many = many;
  document.body.dataset.mode = many ? "grid" : "single";
  $("mode").setAttribute("aria-pressed", many);
  $("single").hidden = many;
  $("grid").hidden = !many;
  alone(() => many ? screenful(page.at) : show(page.at, false));
}

// A button pressed with the mouse lets go of the keyboard: Space must keep the label, not press that button again.
function release(event) {
  if (event.detail) event.currentTarget.blur();
}

// --- keys and buttons ------------------------------------------------------------------------------------------

function arrow(key) {
  const tiles = [...$("tiles").children], here = tiles.indexOf(document.activeElement);
  if (here < 0) { tiles[0]?.focus(); return; }
  const top = tiles[0].offsetTop, columns = tiles.filter(one => one.offsetTop === top).length;
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key];
  tiles[here + step]?.focus();
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open || event.target.tagName === "SELECT") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const common = {g: () => mode(!page.many), u: undo, "?": () => $("keys").showModal()};
  const single = {Enter: accept, " ": () => decide("keep"), x: () => decide("exclude"), j: () => move(1), k: () => move(-1)};
  const many = {Enter: settle, j: () => turn(1), k: () => turn(-1)};
  let act = common[key] ?? (page.many ? many : single)[key];
  if (!page.many && /^[1-9]$/.test(key) && page.classes[key - 1] !== undefined) act = () => set(page.classes[key - 1]);
  if (page.many && key.startsWith("Arrow")) act = () => arrow(key);
  // A button that was reached with Tab is pressed by Enter and Space as everywhere else.
  const chosen = event.target.tagName === "BUTTON" && event.target.matches(":focus-visible") && !event.target.closest("#tiles");
  if (!act || event.repeat && !["j", "k"].includes(key) || chosen && (key === "Enter" || key === " ")) return;
  event.preventDefault();
  act();
});

const press = {accept, keep: () => decide("keep"), exclude: () => decide("exclude"), undo, "undo-grid": undo, settle,
  back: () => move(-1), next: () => move(1), before: () => turn(-1), after: () => turn(1),
  mode: () => mode(!page.many), help: () => $("keys").showModal()};
for (const [id, act] of Object.entries(press)) $(id).addEventListener("click", event => { release(event); act(); });

$("list").addEventListener("change", () => {
  page.list = $("list").value;
  $("list").blur();
  alone(() => page.many ? screenful(0) : show(0, true));
});

// Whoever comes back to this window sees what was decided elsewhere in the meantime.
function look() {
  if (page.busy || !page.item && !page.grid) return;
  page.looking = (async () => {
    const found = await ask("/api/summary");
    if (found.state.length === page.length) return;
    tell(found.state, 0);
    await (page.many ? screenful(page.at) : show(page.at, false));
  })().catch(error => say(error.message, true));
}
addEventListener("focus", look);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

alone(async () => {
  const found = await ask("/api/summary");
  page.classes = found.classes;
  document.body.classList.toggle("crisp", Math.max(...found.size) <= 128);
  $("list").replaceChildren(...found.lists.map(one => {
    const option = make("option", `${one.title} (${one.count})`);
    option.value = one.name;
    return option;
  }));
  $("classes").replaceChildren(...found.classes.map((name, place) => {
    const button = make("button");
    button.type = "button";
    button.value = name;
    if (place < 9) button.append(make("kbd", String(place + 1)));
    button.append(name);
    button.addEventListener("click", event => { release(event); set(name); });
    return button;
  }));
  $("ledger").textContent = `Every decision is in ${found.ledger}, by ${found.reviewer}. Use it with --edits.`;
  if (found.state.torn) say(`${found.state.torn} lines of the ledger were cut off by a crash; they count for nothing.`, true);
  await show(0, true);
});
