// What every part of the page uses: what is shown now, how to ask the server, and how to say something.

export const $ = id => document.getElementById(id);
export const page = {list: "suspects", at: 0, item: null, grid: null, length: 0, classes: [], busy: false, many: false, looking: null};

export async function ask(path, body) {
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
  throw Object.assign(new Error(words), {overtaken: answer.status === 409});
}

let fading;
export function say(text, bad, seconds = bad ? 12 : 3) {
  $("toast").textContent = text;
  $("toast").className = bad ? "on bad" : "on";
  clearTimeout(fading);
  fading = setTimeout(() => { $("toast").className = ""; }, 1000 * seconds);
}

export const count = number => Math.round(number).toLocaleString("en");
const whole = value => `${Math.round(100 * value)}\u00a0%`;
// Nothing is called certain before it was counted.
export const percent = value => value < .005 ? "<1\u00a0%" : value >= .995 ? ">99\u00a0%" : whole(value);
const range = share => `${Math.round(100 * share.low)} to ${Math.round(100 * share.high)} %`;

export function make(tag, text, kind) {
  const found = document.createElement(tag);
  if (text !== undefined) found.textContent = text;
  if (kind) found.className = kind;
  return found;
}

const source = row => `/image/${row}.png`;

export function image(row, words, loading = "lazy") {
  const found = make("img");
  found.loading = loading;
  found.src = source(row);
  found.alt = words;
  return found;
}

// Pictures that will be wanted next are loaded while one looks at this one.
const foreseen = new Map();
export function foresee(rows) {
  for (const row of rows) if (!foreseen.has(row)) foreseen.set(row, image(row, "", "eager"));
  for (const row of [...foreseen.keys()].slice(0, -200)) foreseen.delete(row);
}

// A picture that is there already when it is to be shown.
export async function loaded(row) {
  const found = foreseen.get(row) ?? image(row, "", "eager");
  try {
    await found.decode();
  } catch (error) {
    foreseen.delete(row);
    throw new Error("The picture could not be loaded. Press J or K to try again.");
  }
  return found.src;
}

// How far the review is.
export function tell(state, mine) {
  // More entries than this window has written: another window, or another program, has decided as well.
  if (page.length && state.length > page.length + mine) say("Decisions from another window have been taken in.");
  page.length = state.length;
  document.body.dataset.length = state.length;
  $("bar").max = Math.max(1, state.suspects);
  $("bar").value = state.suspects_settled;
  $("done").textContent = state.suspects ? `${count(state.suspects_settled)} of ${count(state.suspects)} suspects` : "no suspects";
  $("advice").textContent = state.advice;
  const right = state.precision, missed = state.missed, left = state.left;
  const figures = [
    [right ? whole(right.value) : "–", right
      ? `of the suggestions are right: ${right.hits} of ${right.n} suspects (95 % interval ${range(right)})`
      : "of the suggestions are right: known after the first suspect"],
    [`about ${count(left.value)}`,
      `wrong labels left (95 % interval ${count(left.low)} to ${count(left.high)}), by suspicion and by what you found so far`],
    [missed ? whole(missed.value) : "–", missed
      ? `wrong labels in the random checks: ${missed.hits} of ${missed.n} (95 % interval ${range(missed)})`
      : `wrong labels in the random checks: ${state.checks} are mixed in`],
    [count(state.settled), `pictures settled: ${state.changed} relabelled, ${state.kept} kept, ${state.excluded} excluded`],
  ];
  $("figures").replaceChildren(...figures.map(([value, words]) => {
    const box = make("div");
    box.append(make("dt", words), make("dd", value));
    return box;
  }));
}
