const find = (name) => document.getElementById(name);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const MOST_BARS = 12;
let asked = 0, shown = "", most = Infinity;

function say(text, kind) {
  document.body.className = kind;
  find("verdict").textContent = text;
  find("bars").replaceChildren();
  find("quiet").textContent = "";
}

function show(answer) {
  const rows = Object.entries(answer.probabilities).sort((one, other) => other[1] - one[1]);
  say(answer.rejected ? "Not sure enough to say" : answer.class, "");
  find("verdict").dir = "auto";
  rows.slice(0, MOST_BARS).forEach(([name, share], place) => {
    const row = document.createElement("div"), bar = document.createElement("i");
    const words = document.createElement("span"), number = document.createElement("span");
    row.className = place || answer.rejected ? "" : "first";
    words.textContent = name;
    words.dir = "auto";
    number.textContent = percent(share);
    bar.style.setProperty("--share", `${100 * share}%`);
    row.append(words, bar, number);
    find("bars").append(row);
  });
  const more = rows.length - MOST_BARS;
  find("quiet").textContent = more > 0 ? `and ${more} other classes` : "";
}

async function ask(file) {
  const turn = ++asked;
  if (shown) URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(file);
  const picture = find("picture");
  picture.onload = () => {
    picture.hidden = false;
    find("invite").hidden = true;
    find("drop").classList.toggle("small", picture.naturalWidth < 200 && picture.naturalHeight < 200);
  };
  picture.onerror = () => { picture.hidden = true; find("invite").hidden = false; };
  picture.alt = file.name || "the picture";
  picture.src = shown;
  if (file.size > most) {
    say(`The picture is larger than ${+(most / 2 ** 20).toPrecision(3)} MB.`, "bad");
    find("answer").setAttribute("aria-busy", "false");
    return;
  }
  find("answer").setAttribute("aria-busy", "true");
  try {
    const form = new FormData();
    form.append("file", file);
    const reply = await fetch("/predict", { method: "POST", body: form });
    const told = await reply.json();
    if (turn !== asked) return;
    if (reply.ok) show(told); else say(told.error, "bad");
  } catch {
    if (turn === asked) say("The server cannot be reached.", "bad");
  } finally {
    if (turn === asked) find("answer").setAttribute("aria-busy", "false");
  }
}

find("file").addEventListener("change", (event) => {
  if (event.target.files[0]) ask(event.target.files[0]);
  event.target.value = "";
});
addEventListener("dragover", (event) => { event.preventDefault(); document.documentElement.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.documentElement.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.documentElement.classList.remove("over");
  if (event.dataTransfer.files[0]) ask(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => { if (event.clipboardData.files[0]) ask(event.clipboardData.files[0]); });

document.body.className = "empty";
const health = await (await fetch("/health")).json();
most = health.most_bytes ?? Infinity;
const names = health.classes ?? [];
const some = names.slice(0, 8).join(", ");
find("classes").textContent = names.length > 8 ? `${names.length} classes (${some}, …)` : some;
