"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const original = [...body.rows];
  const status = document.getElementById(table.dataset.status);

  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;

  // What was not measured stays at the end in either direction; equal rows keep the order in which they were asked for.
  const sorted = (column, sign) =>
    [...original].sort((x, y) => {
      const [a, b] = [value(x, column), value(y, column)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * compare(a, b);
    });

  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const first = heading.dataset.first || "ascending";
      const direction = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
      for (const other of headings) {
        if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      }
      heading.setAttribute("aria-sort", direction);
      body.append(...sorted(column, direction === "ascending" ? 1 : -1));
      status.textContent = `Sorted by ${button.textContent.replace(/\s+/g, " ").trim()}, ${direction}.`;
    });
  });
}

// A page from a file may have no clipboard; then the text is selected and copied as by hand.
for (const button of document.querySelectorAll("button.copy")) {
  const source = document.getElementById(button.dataset.copies);
  const status = document.getElementById(button.dataset.status);

  const byHand = () => {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };

  button.hidden = false;
  button.addEventListener("click", async () => {
    let done = false;
    try {
      await navigator.clipboard.writeText(source.textContent);
      done = true;
    } catch {
      done = byHand();
    }
    status.textContent = done ? "Copied." : "Selected: copy it with the keyboard.";
  });
}
