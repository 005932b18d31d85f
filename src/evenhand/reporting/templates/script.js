"use strict";
(() => {
const root = document.documentElement;
const every = (selector, within = document) => [...within.querySelectorAll(selector)];

// Light and dark.
const theme = document.getElementById("theme");
const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("evenhand-theme", root.dataset.theme); } catch (error) { /* not remembered, then */ }
});

// Contents: mark the section that is read.
const links = new Map(every("nav a").map(link => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) if (entry.isIntersecting) {
    links.forEach(link => link.removeAttribute("aria-current"));
    const link = links.get(entry.target.id);
    if (link) {
      link.setAttribute("aria-current", "true");
      const bar = link.closest("nav");
      bar.scrollLeft = link.offsetLeft - bar.clientWidth / 3;
    }
  }
}, {rootMargin: "-15% 0px -80% 0px"});
every("main > section").forEach(section => watcher.observe(section));

// A link to something folded away unfolds it.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
};
addEventListener("hashchange", unfold);
unfold();

// Paper shows everything.
let folded = [];
addEventListener("beforeprint", () => {
  folded = every("details:not([open])");
  folded.forEach(part => { part.open = true; });
});
addEventListener("afterprint", () => folded.forEach(part => { part.open = false; }));

// What scrolls sideways can be reached by keyboard; what does not is no stop on the way.
const stops = () => every(".scroll").forEach(box => {
  box.tabIndex = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1 ? 0 : -1;
});
stops();
addEventListener("resize", stops);
document.addEventListener("toggle", stops, true);

// Tables that sort.
for (const table of every("table.sortable")) {
  const heads = every("thead th", table), body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.classList.contains("num") ? Number(cell.dataset.value) : cell.dataset.value;
  };
  heads.forEach((head, column) => {
    const words = head.querySelector(".sorts");
    if (!words) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...words.childNodes);
    words.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "descending" : head.dataset.first !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a, column), y = value(b, column);
        const order = typeof x === "number" ? x - y : x.localeCompare(y);
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
}

// The pictures behind a cell of a confusion matrix.
const known = JSON.parse(document.getElementById("pictures").textContent);
const columns = known.columns, sheet = known.sheet;
const isolated = text => {
  const made = document.createElement("bdi");
  made.textContent = text;
  return made;
};
const picture = (place, words) => {
  const made = document.createElement("span"), within = place % sheet;
  made.className = "pic large s" + Math.floor(place / sheet);
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", words);
  made.style.setProperty("--x", within % columns);
  made.style.setProperty("--y", Math.floor(within / columns));
  return made;
};
const hint = (box, on) => {
  box.classList.toggle("hint", on);
  box.replaceChildren(...(on ? ["Choose a number to see the pictures behind it."] : []));
};
const show = (figure, button) => {
  const box = figure.querySelector(".behind"), was = button.getAttribute("aria-pressed") === "true";
  every("button[aria-pressed]", figure).forEach(other => other.setAttribute("aria-pressed", "false"));
  hint(box, was);
  if (was) return;
  button.setAttribute("aria-pressed", "true");
  const [label, called] = button.dataset.cell.split(",").map(Number);
  const found = known.cells[figure.dataset.view][button.dataset.cell];
  const title = document.createElement("p"), note = document.createElement("small");
  title.className = "title";
  title.append("Labelled ", isolated(known.classes[label]), ", called ", isolated(known.classes[called]), ": ", button.textContent, " ");
  note.textContent = (found.length < Number(button.textContent.replace(/\D/g, "")) ? found.length + " shown, " : "") +
    (label === called ? "the least sure first" : "the surest mistakes first");
  title.append(note);
  const list = document.createElement("ul");
  list.className = "gallery";
  for (const [place, chance] of found) {
    const item = document.createElement("li"), words = document.createElement("div");
    words.className = "words";
    const sure = (chance > 99 ? "over 99" : chance) + "\u00a0% sure";
    words.append(sure);
    words.title = known.paths[place];
    item.append(picture(place, known.paths[place] + ", labelled " + known.classes[label] + ", called " + known.classes[called] + ", " + sure), words);
    list.append(item);
  }
  box.append(title, list);
};
for (const figure of every("figure.confusion")) {
  const buttons = every("button[data-cell]", figure);
  if (buttons.length) hint(figure.querySelector(".behind"), true);
  buttons.forEach((button, number) => {
    button.tabIndex = number ? -1 : 0;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => show(figure, button));
    button.addEventListener("focus", () => buttons.forEach(other => { other.tabIndex = other === button ? 0 : -1; }));
  });
  // Arrow keys walk over the cells that hold pictures.
  figure.addEventListener("keydown", event => {
    const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    const here = event.target.closest("td");
    if (!step || !here || !event.target.dataset.cell) return;
    event.preventDefault();
    const table = here.closest("table");
    let row = here.parentElement.rowIndex, column = here.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const cell = table.rows[row] && table.rows[row].cells[column];
      if (!cell) return;
      const button = cell.querySelector("button[data-cell]");
      if (button) return button.focus();
    }
  });
}
})();
