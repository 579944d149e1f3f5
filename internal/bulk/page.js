"use strict";
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const perPage = 100;
  const body = table.tBodies[0];
  const all = Array.from(body.rows, (row, place) => ({
    row,
    place,
    text: row.textContent.toLowerCase(),
    values: Array.from(row.cells, (cell) => (cell.dataset.n === undefined ? cell.textContent : Number(cell.dataset.n))),
  }));
  let found = all, page = 0, column = -1, up = true;
  const $ = (id) => document.getElementById(id);
  const write = (n) => n.toLocaleString("en");

  const show = () => {
    const first = page * perPage;
    const rows = found.slice(first, first + perPage);
    body.replaceChildren(...rows.map((item) => item.row));
    const range = rows.length ? `${write(first + 1)}–${write(first + rows.length)} of ` : "";
    $("found").textContent = range + write(found.length) + (found.length === all.length ? "" : ` found, ${write(all.length)} listed`);
    $("back").disabled = page === 0;
    $("on").disabled = first + perPage >= found.length;
  };
  const select = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    found = all.filter((item) => words.every((word) => item.text.includes(word)));
    if (column >= 0) {
      found.sort((a, b) => {
        const x = a.values[column], y = b.values[column];
        return (x < y ? -1 : x > y ? 1 : a.place - b.place) * (up || x === y ? 1 : -1);
      });
    }
    page = 0;
    show();
  };

  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      up = column === i ? !up : true;
      column = i;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      select();
    });
  });
  $("search").addEventListener("input", select);
  $("tools").addEventListener("submit", (event) => event.preventDefault());
  $("back").addEventListener("click", () => { page--; show(); });
  $("on").addEventListener("click", () => { page++; show(); });
  select();
  table.classList.add("ready");
  $("tools").hidden = false;
})();
