// Tables that sort by a click on a column's heading: numbers by `data-value`, everything else as text.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    button?.addEventListener("click", () => {
      const numbers = heading.classList.contains("number");
      const now = heading.getAttribute("aria-sort");
      // Numbers are wanted largest first, names from A on.
      const next = now ? (now === "ascending" ? "descending" : "ascending") : numbers ? "descending" : "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", next);
      const key = (row) => {
        const cell = row.cells[column];
        return numbers ? Number(cell.dataset.value ?? "NaN") : cell.textContent.trim();
      };
      const compare = numbers
        ? (a, b) => (Number.isNaN(a) - Number.isNaN(b)) || (next === "ascending" ? a - b : b - a)
        : (a, b) => (next === "ascending" ? 1 : -1) * a.localeCompare(b, "en", { numeric: true });
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(key(a), key(b)));
      table.tBodies[0].append(...rows);
    });
  });
}
