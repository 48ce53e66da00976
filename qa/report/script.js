"use strict";
// The page is whole without this: it hides the questions that are not asked for.
const byId = (id) => document.getElementById(id);
const rows = [...byId("list").children];
const selects = ["state", "type", "cause"].map((name) => [name, byId("filter-" + name)]);
const text = byId("filter-text");
const folded = (words) => words.normalize("NFKC").toLowerCase();
const known = new Map();
const wordsOf = (row) => {
  if (!known.has(row)) known.set(row, folded(row.textContent));
  return known.get(row);
};
const apply = () => {
  const sought = folded(text.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const fits = selects.every(([name, select]) => !select.value || row.dataset[name] === select.value)
      && sought.every((word) => wordsOf(row).includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  byId("count").textContent = `显示 shown ${shown} / ${rows.length} 题`;
  byId("nothing").hidden = shown > 0;
};
const reset = () => {
  text.value = "";
  for (const [, select] of selects) select.value = "";
  apply();
};
const openAll = (open) => {
  for (const row of rows) if (!row.hidden) row.firstElementChild.open = open;
};
const follow = () => {
  const row = byId(location.hash.slice(1));
  if (!rows.includes(row)) return;
  if (row.hidden) reset();
  row.firstElementChild.open = true;
  row.scrollIntoView();
};
for (const [, select] of selects) select.addEventListener("change", apply);
for (const link of document.querySelectorAll("a[data-filter]")) {
  link.addEventListener("click", () => {
    reset();
    byId("filter-" + link.dataset.filter).value = link.dataset.value;
    apply();
  });
}
text.addEventListener("input", apply);
byId("open-all").addEventListener("click", () => openAll(true));
byId("close-all").addEventListener("click", () => openAll(false));
byId("reset").addEventListener("click", reset);
addEventListener("hashchange", follow);
byId("filters").hidden = false;
apply();
follow();
