"use strict";
(() => {
  // Each box of tools filters the rows that its data-rows selects; a card follows the row that its data-row names.
  const filters = [...document.querySelectorAll(".tools")].map((tools) => {
    const rows = [...document.querySelectorAll(tools.dataset.rows)];
    const cards = [...document.querySelectorAll(tools.dataset.cards || "no-cards")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const find = tools.querySelector("input[type=search]");
    const inputs = [...tools.querySelectorAll("[data-by]")];
    const count = tools.querySelector("[role=status]");
    const fits = (row, input) => {
      if (input.dataset.by === "from") return row.dataset.at >= input.value;
      if (input.dataset.by === "until") return row.dataset.at <= input.value;
      return row.dataset[input.dataset.by].split("|").includes(input.value);
    };
    const show = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = inputs.filter((input) => input.value);
      let shown = 0;
      rows.forEach((row, i) => {
        const visible = words.every((word) => texts[i].includes(word)) && chosen.every((input) => fits(row, input));
        row.hidden = !visible;
        shown += visible ? 1 : 0;
      });
      cards.forEach((card) => { card.hidden = document.getElementById(card.dataset.row).hidden; });
      count.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " shown";
    };
    const reset = () => { [find, ...inputs].forEach((input) => { input.value = ""; }); show(); };
    find.addEventListener("input", show);
    inputs.forEach((input) => input.addEventListener("change", show));
    tools.hidden = false;
    return reset;
  });
  // A bar links to its event even if the search hides it.
  addEventListener("hashchange", () => {
    filters.forEach((reset) => reset());
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  });
})();
