// A screenful of pictures, settled with one key.

import {$, ask, foresee, image, make, page, percent, tell} from "./told.js";

// As many as one sees without scrolling: what is settled at once has been seen at once.
export function fitting() {
  const tiles = $("tiles"), style = getComputedStyle(tiles);
  const columns = style.gridTemplateColumns.split(" ").length, gap = parseFloat(style.rowGap) || 0;
  const known = Math.max(0, ...[...tiles.children].map(one => one.offsetHeight));
  const height = known || parseFloat(style.gridTemplateColumns) + 56;
  const room = innerHeight - tiles.offsetTop - $("grid-acts").offsetHeight - 16;
  return columns * Math.max(1, Math.floor((room + gap) / (height + gap)));
}

export async function screenful(at) {
  fill(await ask(`/api/grid?${new URLSearchParams({list: page.list, at: Math.max(0, at), count: fitting()})}`), 0);
}

export function fill(grid, mine) {
  tell(grid.state, mine);
  page.grid = grid;
  page.at = grid.at;
  $("why").value = "";
  // Which of two contradicting copies is right, nobody has said yet.
  for (const item of grid.items) item.wanted = item.decided || item.copied ? null : item.suggested;
  $("tiles").replaceChildren(...grid.items.map(tile));
  foresee(grid.ahead);
  counted();
  document.body.dataset.at = grid.at;
}

function tile(item) {
  const button = make("button"), name = make("b"), words = make("small");
  button.type = "button";
  button.append(image(item.row, "", "eager"), name, words);
  button.dataset.row = item.row;
  const write = () => {
    const changed = item.wanted !== null && item.wanted !== item.given;
    button.classList.toggle("change", changed);
    button.classList.toggle("settled", item.wanted === null && item.decided);
    name.textContent = item.wanted ?? (item.decided ? item.verdict ?? "excluded" : "left open");
    words.textContent = item.wanted === null ? item.decided ? "settled" : `filed as ${item.given}` : changed
      ? `not ${item.given}, ${percent(item.suspicion)}` : item.check ? "random check" : "as filed";
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

export async function settled() {
  const grid = page.grid, wanted = grid.items.filter(item => item.wanted !== null);
  const at = grid.at + grid.items.length < grid.total ? grid.at + grid.items.length : grid.at;
  if (wanted.length) {
    const decisions = wanted.map(item =>
      ({row: item.row, action: item.wanted === item.given ? "keep" : "label", label: item.wanted, seen: item.seen}));
    const then = {list: page.list, at, count: fitting()};
    fill(await ask("/api/decide", {decisions, then, reason: $("why").value.trim()}), wanted.length);
  } else await screenful(at);
  scrollTo(0, 0);
  $("tiles").firstElementChild?.focus({preventScroll: true});
}

export function arrow(key) {
  const tiles = [...$("tiles").children], here = tiles.indexOf(document.activeElement);
  if (here < 0) { tiles[0]?.focus(); return; }
  const top = tiles[0].offsetTop, columns = tiles.filter(one => one.offsetTop === top).length;
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key];
  tiles[here + step]?.focus();
}
