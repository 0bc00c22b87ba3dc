// Give the cells of small tables the names of their columns, so that a narrow screen can show each row as a list.
// Wide tables scroll.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".pst-scrollable-table-container > table:not(.autosummary)")) {
    const names = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    table.classList.add(names.length > 4 ? "wide" : "stacked");
    if (names.length > 4) continue;
    for (const row of table.querySelectorAll("tbody tr")) {
      // Two columns are clear without names.
      if (names.length > 2) names.slice(1).forEach((name, i) => (row.cells[i + 1].dataset.column = name));
    }
  }
});
