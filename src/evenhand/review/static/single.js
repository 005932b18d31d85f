// One picture: what is believed about it, and the pictures that help to decide.

import {$, ask, count, foresee, image, loaded, make, page, percent, tell} from "./told.js";

export async function show(at, open, mine = 0) {
  const words = new URLSearchParams({list: page.list, at});
  if (open) words.set("open", "1");
  await present(await ask(`/api/item?${words}`), mine);
}

export async function present(item, mine) {
  tell(item.state, mine);
  page.at = item.at;
  if (item.row === null) {
    page.item = null;
    $("reason").textContent = "There is nothing in this list.";
    return;
  }
  // Words and picture change together: nobody decides about a picture while looking at the one before.
  const source = await loaded(item.row);
  if (!page.item || page.item.row !== item.row) $("why").value = "";
  page.item = item;
  $("picture").src = source;
  draw(item);
  foresee(item.ahead);
  if (!item.ready) setTimeout(() => again(item.row), 400);
}

function draw(item) {
  $("picture").alt = `Picture filed as ${item.given}`;
  $("place").textContent = `${count(item.at + 1)} of ${count(item.total)}`;
  $("path").textContent = item.path;
  $("given").textContent = item.given;
  $("suggested").textContent = item.suggested;
  $("single").classList.toggle("same", item.given === item.suggested);
  $("looks").textContent = item.copied ? "Its copy is filed as" : item.check ? "Random check:" : "Looks like";
  $("verdict").hidden = !item.decided;
  $("verdict").textContent = !item.decided ? "" : `Settled: ${item.verdict ?? "excluded"}${item.by && `, by ${item.by}`}${item.why && `. Reason: ${item.why}`}`;
  $("accept").lastElementChild.textContent = item.suggested;
  $("keep").lastElementChild.textContent = `Keep ${item.given}`;
  $("keep").hidden = item.given === item.suggested;
  bars(item);
  for (const button of $("classes").children) button.setAttribute("aria-pressed", item.decided && button.value === item.verdict);
  company(item);
  $("spoken").textContent = `${$("place").textContent}. Filed as ${item.given}. ${$("looks").textContent} ${item.suggested}. ${$("verdict").textContent}`;
  document.body.dataset.row = item.row;
  document.body.dataset.at = item.at;
}

function bars(item) {
  const lines = item.judged ? [["label is wrong", item.suspicion, "main"]] : [];
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

function company(item) {
  $("reason").textContent = item.reason;
  $("alike").replaceChildren(...item.neighbours.map(group => {
    const box = make("div"), row = make("div", undefined, "row");
    box.append(make("h2", `Most alike among ${group.class}`), row);
    row.append(...group.rows.map(number => image(number, `A picture of ${group.class}`)));
    return box;
  }));
  $("copies").hidden = !item.copies.length;
  $("copies").replaceChildren(make("h2", "The same picture, elsewhere in the data"), ...item.copies.map(other => {
    const box = make("figure"), words = make("figcaption");
    box.classList.toggle("other", other.given !== item.given);
    words.append(make("b", other.given), ` ${other.split === "train" ? "" : `${other.split} · `}${other.same ? "same pixels" : "near-duplicate"}`);
    box.title = other.path;
    box.append(image(other.row, `The same picture filed as ${other.given}`), words);
    return box;
  }));
}

async function again(row) {
  // The neighbours were not ready yet; nothing else on the page changes.
  if (page.many || page.busy || !page.item || page.item.row !== row) return;
  const item = await ask(`/api/item?${new URLSearchParams({list: page.list, at: page.at})}`).catch(() => null);
  if (!item || !page.item || page.item.row !== row || page.busy) return;
  company(item);
  if (!item.ready) setTimeout(() => again(row), 400);
}
