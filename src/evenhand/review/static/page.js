// The page asks the server for one picture, or one screenful, at a time. It shows the next only when the server
// has said that the decision is on the disk.

import {$, ask, count, make, page, say, tell} from "./told.js";
import {present, show} from "./single.js";
import {arrow, fill, fitting, screenful, settled} from "./grid.js";

const CONFLICTS = "conflicts", SUSPECTS = "suspects";

// One thing at a time: a key pressed before the next picture is there would be about a picture nobody has seen.
async function alone(work) {
  if (page.busy) return;
  page.busy = true;
  document.body.dataset.busy = "yes";
  try {
    await page.looking;
    await work();
  } catch (error) {
    if (error.overtaken) await fresh().catch(() => {});
    say(error.message, !error.overtaken, 12);
  } finally {
    page.busy = false;
    delete document.body.dataset.busy;
  }
}

const fresh = () => page.many ? screenful(page.at) : show(page.at, false);

// --- decisions -------------------------------------------------------------------------------------------------

function decide(action, label) {
  const item = page.item;
  if (!item) return;
  alone(async () => {
    const then = {list: page.list, at: page.at + 1 < item.total ? page.at + 1 : page.at};
    const decisions = [{row: item.row, action, label, seen: item.seen}];
    const next = await ask("/api/decide", {decisions, then, reason: $("why").value.trim()});
    $("why").value = "";
    await present(next, 1);
    if (!next.open && page.list === CONFLICTS) {
      choose(SUSPECTS);
      await show(0, true);
      say("All contradictions are settled. These are the suspects, worst first.");
    } else if (!next.open) say("Everything in this list is settled.");
  });
}

const set = name => page.item && decide(name === page.item.given ? "keep" : "label", name);
const accept = () => page.item && set(page.item.suggested);
const move = step => alone(() => show(page.at + step, false));
const turn = step => alone(() => screenful(page.at + step * fitting()));
const settle = () => alone(settled);

function undo() {
  alone(async () => {
    const then = {list: page.list, at: page.at, ...page.many && {count: fitting()}};
    const found = await ask("/api/undo", {list: page.list, length: page.length, then});
    await (page.many ? fill(found, found.state.undone) : present(found, found.state.undone));
    const {undone} = found.state;
    say(undone ? undone > 1 ? `${undone} decisions undone` : "Undone" : "There is nothing to undo.");
  });
}

function choose(list) {
  page.list = list;
  $("list").value = list;
}

function mode(many) {
  page.many = many;
  document.body.dataset.mode = many ? "grid" : "single";
  $("mode").setAttribute("aria-pressed", many);
  $("single").hidden = many;
  $("grid").hidden = !many;
  // The reason is typed in the same field in both.
  (many ? $("grid") : $("words")).append($("whybox"));
  alone(fresh);
}

// --- keys, buttons and fingers ---------------------------------------------------------------------------------

// A button pressed with the mouse lets go of the keyboard: Space must keep the label, not press that button again.
function release(event) {
  if (event.detail) event.currentTarget.blur();
}

const help = () => $("keys").showModal();
const reason = () => { $("why").focus(); $("why").select(); };

// In a field, keys belong to the field; Enter and Escape lead back to the pictures.
function inField(event) {
  if (event.key !== "Enter" && event.key !== "Escape" || event.isComposing) return;
  event.preventDefault();
  if (event.key === "Escape" && event.target === $("why")) $("why").value = "";
  event.target.blur();
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (event.target === $("why") || event.target === $("list")) { inField(event); return; }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const common = {g: () => mode(!page.many), u: undo, r: reason, l: () => $("list").focus(), "?": help};
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
  mode: () => mode(!page.many), help};
for (const [id, act] of Object.entries(press)) $(id).addEventListener("click", event => { release(event); act(); });

let pointed = false;
$("list").addEventListener("pointerdown", () => { pointed = true; });
$("list").addEventListener("change", () => {
  choose($("list").value);
  // Whoever goes through the lists by keyboard stays there.
  if (pointed) $("list").blur();
  pointed = false;
  alone(() => page.many ? screenful(0) : show(0, true));
});

// To the left is the next picture, to the right the one before, as in every album. A swipe never decides.
function swiped(area, act) {
  let from = null;
  area.addEventListener("touchstart", event => {
    const touch = event.touches[0];
    from = event.touches.length === 1 && event.target !== $("why") ? [touch.clientX, touch.clientY] : null;
  }, {passive: true});
  area.addEventListener("touchcancel", () => { from = null; });
  area.addEventListener("touchend", event => {
    if (!from) return;
    const right = event.changedTouches[0].clientX - from[0], down = event.changedTouches[0].clientY - from[1];
    from = null;
    if (Math.abs(right) > 45 && Math.abs(right) > 2 * Math.abs(down)) {
      document.body.dataset.swiped = "yes"; // and needs no telling any more
      act(right < 0 ? 1 : -1);
    }
  });
}
swiped($("single"), move);
swiped($("grid"), turn);

// --- the beginning, and coming back ----------------------------------------------------------------------------

// Whoever comes back to this window sees what was decided elsewhere in the meantime.
function look() {
  if (page.busy || !page.item && !page.grid) return;
  page.looking = (async () => {
    const found = await ask("/api/summary");
    if (found.state.length === page.length) return;
    tell(found.state, 0);
    await fresh();
  })().catch(error => say(error.message, true));
}
addEventListener("focus", look);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

alone(async () => {
  const found = await ask("/api/summary");
  page.classes = found.classes;
  document.body.classList.toggle("crisp", Math.max(...found.size) <= 128);
  $("list").replaceChildren(...found.lists.map(one => {
    const option = make("option", `${one.title} (${count(one.count)})`);
    option.value = one.name;
    return option;
  }));
  choose(found.start);
  $("classes").replaceChildren(...found.classes.map((name, place) => {
    const button = make("button");
    button.type = "button";
    button.value = name;
    if (place < 9) button.append(make("kbd", String(place + 1)), " ");
    button.append(name);
    button.addEventListener("click", event => { release(event); set(name); });
    return button;
  }));
  $("ledger").textContent = `Every decision is in ${found.ledger}, by ${found.reviewer}. Use it with --edits.`;
  if (found.state.torn) say(`${found.state.torn} lines of the ledger were cut off by a crash; they count for nothing.`, true);
  await show(0, true);
});
