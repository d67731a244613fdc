"use strict";
// Everything is on the page without this script. It adds what paper cannot do:
// sorting, filtering, groups taken apart, other colours.
(function () {
  var $ = function (id) { return document.getElementById(id); };
  var root = document.documentElement;
  var tables = Array.from(document.querySelectorAll("table.rows")).map(readTable);
  root.classList.add("js");

  // A table remembers its rows as they were written, and in which group.
  function readTable(table) {
    var groups = Array.from(table.tBodies).map(function (body) {
      var rows = Array.from(body.rows);
      var head = rows[0].classList.contains("group") ? rows.shift() : null;
      return { body: body, head: head, rows: rows };
    });
    return { table: table, noun: table.dataset.noun, groups: groups, column: -1, down: false };
  }

  function key(row, column, numeric) {
    var cell = row.cells[column];
    return numeric ? Number(cell.dataset.value) : (cell.querySelector(".name") || cell.querySelector("bdi") || cell).textContent;
  }

  // The rows in their order: as written, or by one column.
  function sorted(t, rows) {
    if (t.column < 0) { return rows; }
    var numeric = t.table.tHead.rows[0].cells[t.column].dataset.sort === "number";
    var order = new Intl.Collator("en", { numeric: true }).compare;
    var keys = new Map(rows.map(function (row) { return [row, key(row, t.column, numeric)]; }));
    return rows.slice().sort(function (a, b) {
      var x = keys.get(a), y = keys.get(b);
      return (numeric ? x - y : order(x, y)) * (t.down ? -1 : 1);
    });
  }

  // Grouped, every group is sorted by itself; flat, all rows stand in the first body.
  // Findings stay in groups: their heads say what they have in common.
  function arrange(t) {
    if (isFlat(t)) {
      var all = t.groups.reduce(function (rows, g) { return rows.concat(g.rows); }, []);
      t.groups[0].body.append.apply(t.groups[0].body, sorted(t, all));
    } else {
      t.groups.forEach(function (g) { g.body.append.apply(g.body, sorted(t, g.rows)); });
    }
    show(t);
  }

  function isFlat(t) { return t.table.dataset.flat === "yes" && $("flat").getAttribute("aria-pressed") === "true"; }

  // Heads and bodies show while a row of theirs does.
  function show(t) {
    var flat = isFlat(t);
    t.groups.forEach(function (g, i) {
      var some = g.rows.some(function (row) { return !row.hidden; });
      if (g.head) { g.head.hidden = flat || !some; }
      g.body.hidden = flat ? i > 0 : !some;
    });
  }

  function filter() {
    var words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    var told = tables.map(function (t) {
      var shown = 0, all = 0;
      t.groups.forEach(function (g) {
        var group = g.head ? g.head.textContent.toLowerCase() + " " : "";
        g.rows.forEach(function (row) {
          row.words = row.words || group + row.textContent.toLowerCase();
          row.hidden = !words.every(function (word) { return row.words.includes(word); });
          all++;
          shown += row.hidden ? 0 : 1;
        });
      });
      show(t);
      return (words.length ? shown.toLocaleString("en") + " of " : "") + all.toLocaleString("en") + " " + t.noun + (all === 1 ? "" : "s");
    });
    $("shown").textContent = told.join(", ");
  }

  function pressed(button) {
    var on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    return on;
  }

  tables.forEach(function (t) {
    Array.from(t.table.tHead.rows[0].cells).forEach(function (th, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      th.replaceChildren(button);
      th.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        var first = th.dataset.sort === "number"; // the largest first
        if (t.column !== column) {
          t.column = column; t.down = first;
        } else if (t.down === first) {
          t.down = !first;
        } else {
          t.column = -1; // the third time: as written
        }
        Array.from(th.parentNode.cells).forEach(function (cell) { cell.setAttribute("aria-sort", "none"); });
        if (t.column >= 0) { th.setAttribute("aria-sort", t.down ? "descending" : "ascending"); }
        arrange(t);
      });
    });
  });

  $("flat").addEventListener("click", function () { pressed(this); tables.forEach(arrange); });
  $("open").addEventListener("click", function () {
    var on = pressed(this);
    document.querySelectorAll("details").forEach(function (d) { d.open = on; });
  });
  var waiting;
  $("filter").addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(filter, 80); });

  // Where a link leads must not be hidden by the filter.
  window.addEventListener("hashchange", function () {
    var row = $(decodeURIComponent(location.hash.slice(1)));
    if (row && row.hidden) { $("filter").value = ""; filter(); row.scrollIntoView(); }
  });

  var system = matchMedia("(prefers-color-scheme: dark)");
  function dark() { return root.dataset.theme ? root.dataset.theme === "dark" : system.matches; }
  function label() { $("theme").textContent = dark() ? "Light colours" : "Dark colours"; }
  $("theme").addEventListener("click", function () { root.dataset.theme = dark() ? "light" : "dark"; label(); });
  system.addEventListener("change", label);

  // Browsers that do not print what is closed.
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () { closed.forEach(function (d) { d.open = false; }); });

  label();
  $("theme").hidden = false;
  $("tools").hidden = !tables.length;
  $("flat").hidden = !tables.some(function (t) { return t.table.dataset.flat === "yes" && t.groups.length > 1; });
  $("open").hidden = !document.querySelector("details");
  filter();
})();
