"use strict";
(() => {
  const made = (tag, text, kind) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  for (const each of document.querySelectorAll(".js")) each.hidden = false;
  for (const each of document.querySelectorAll(".nojs")) each.hidden = true;

  // what a link leads to may be folded up
  const unfold = () => {
    let at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const target = at;
    for (; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

  // tables: a heading sorts, a box filters
  const number = (text) => (text === "" || isNaN(text) ? null : Number(text));
  const before = (a, b) => {
    const [x, y] = [number(a), number(b)];
    return x !== null && y !== null ? x - y : a.localeCompare(b, undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll("table.tools")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = made("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "descending" ||
          (head.classList.contains("t") && !head.hasAttribute("aria-sort"));
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.v;
        rows.sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
          return down ? before(x, y) : before(y, x);
        });
        body.append(...rows);
      });
    });
    if (rows.length < 4) continue;
    const label = made("label", "Filter ", "filter");
    const box = made("input");
    box.type = "search";
    box.dir = "auto";
    const said = made("span", "", "soft");
    said.setAttribute("role", "status");
    label.append(box);
    const line = made("div", undefined, "filters");
    line.append(label, said);
    table.parentElement.before(line);
    const texts = new Map(rows.map((row) => [row, plain(row.textContent)]));
    box.addEventListener("input", () => {
      const wanted = plain(box.value).split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        row.hidden = !wanted.every((word) => texts.get(row).includes(word));
        count += !row.hidden;
      }
      said.textContent = wanted.length ? `${count} of ${rows.length}` : "";
    });
  }

  // find a customer
  const store = document.getElementById("people");
  if (!store) return;
  const unpacked = async () => {
    const bytes = Uint8Array.from(atob(store.textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const found = await new Response(stream).json();
    found.plain = found.people.map(([id, name]) => plain(name ? `${id} ${name}` : id));
    return found;
  };
  const box = document.getElementById("who");
  const list = document.getElementById("found");
  const said = document.getElementById("found-count");
  const MOST = 20;
  const texts = (into, words, beside) => words.forEach((word, at) => {
    if (at) into.append(" · ");
    into.append(made("bdi", word), beside[at] ?? "");
  });
  const card = (all, [id, name, segment, sure, parts, own, offers, chances]) => {
    const item = made("li", undefined, "card");
    const head = made("h3");
    head.append(made("bdi", id));
    if (name) head.append(", ", made("bdi", name));
    const where = made("p");
    if (segment) {
      where.append("Segment ", made("b", segment), ": ", made("bdi", all.segments[segment]));
      if (sure >= 0) where.append(`; the same in ${sure}% of the refits`);
    } else where.append("In no segment: too little is known of them");
    item.append(head, where);
    if (parts.length) {
      const shares = [];
      for (let at = 0; at < parts.length; at += 2) shares.push(`${parts[at + 1]}% segment ${parts[at]}`);
      item.append(made("p", `Memberships: ${shares.join(", ")}`, "soft"));
    }
    const offer = chances.length ? "Recommend, with the probability that it is the next thing they take"
      : "Recommend";
    for (const [what, numbers, beside] of [
      ["Why: took what the segment takes more than others", own, []], [offer, offers, chances]]) {
      if (!numbers.length) continue;
      const line = made("p", `${what}: `);
      texts(line, numbers.map((n) => all.items[n]), beside.map((chance) => ` ${chance}%`));
      item.append(line);
    }
    return item;
  };
  let ready;
  let asked = 0;
  box.addEventListener("input", async () => {
    const turn = ++asked;
    ready ??= unpacked();
    let all;
    try {
      all = await ready;
    } catch {
      said.textContent = "This browser cannot unpack the list; a newer one can.";
      return;
    }
    if (turn !== asked) return;
    const wanted = plain(box.value.trim());
    const hits = [];
    const exact = [];
    if (wanted) all.plain.forEach((text, at) => {
      if (plain(all.people[at][0]) === wanted) exact.push(at);
      else if (text.includes(wanted)) hits.push(at);
    });
    const found = [...exact, ...hits];
    list.replaceChildren(...found.slice(0, MOST).map((at) => card(all, all.people[at])));
    const more = found.length > MOST ? `, the first ${MOST} shown` : "";
    said.textContent = wanted ? `${found.length.toLocaleString("en")} found${more}` : "";
  });
})();
