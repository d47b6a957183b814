// Choosing a node: its panel opens, its edges stand out. Nodes are reached by click, by arrow keys and by links.
const stage = document.getElementById("stage");
const nodes = new Map([...document.querySelectorAll("[data-node]")].map((node) => [node.dataset.node, node]));
if (nodes.size) {
  const edges = [...stage.querySelectorAll("[data-sender]")];
  const panels = new Map([...document.querySelectorAll("[data-panel]")].map((panel) => [panel.dataset.panel, panel]));
  const hint = document.getElementById("panel-hint");
  let current = null;

  const choose = (name) => {
    current = name === current ? null : name;
    stage.classList.toggle("chosen", current !== null);
    hint.hidden = current !== null;
    const near = new Set([current]);
    // Where heads share keys and values, what the shared node reads is read by the head.
    const shared = edges.filter((edge) => "link" in edge.dataset && edge.dataset.receiver === current);
    const inputs = new Set([current, ...shared.map((edge) => edge.dataset.sender)]);
    for (const edge of edges) {
      const touches = edge.dataset.sender === current || inputs.has(edge.dataset.receiver);
      edge.classList.toggle("touches", touches);
      if (touches) near.add(edge.dataset.sender).add(edge.dataset.receiver);
    }
    for (const [other, node] of nodes) {
      node.setAttribute("aria-pressed", String(other === current));
      node.classList.toggle("near", near.has(other));
    }
    for (const [other, panel] of panels) panel.hidden = other !== current;
    // The address of the page leads back to the node.
    history.replaceState(null, "", `#${current ?? "circuit"}`);
    if (current !== null) document.dispatchEvent(new CustomEvent("node-chosen", { detail: nodes.get(current) }));
  };

  // In positions, a node without its span is the one at END, or else the first.
  const placed = (name) =>
    [name, `${name}@END`].find((other) => nodes.has(other)) ?? [...nodes.keys()].find((other) => other.startsWith(`${name}@`));

  // One node can be reached with Tab, the others from there with the arrow keys.
  const reach = (name) => nodes.forEach((node, other) => (node.tabIndex = other === name ? 0 : -1));

  // Left and right go along a row, up and down to the nearest node of the next row: so every node can be reached.
  const rows = [];
  const places = [...nodes].map(([name, node]) => {
    const { x, y, width, height } = node.getBBox();
    return { name, x: x + width / 2, y: y + height / 2 };
  });
  for (const place of places.sort((a, b) => a.y - b.y)) {
    const row = rows.at(-1);
    if (row && place.y - row[0].y < 5) row.push(place);
    else rows.push([place]);
  }
  for (const row of rows) row.sort((a, b) => a.x - b.x);

  const neighbour = (name, key) => {
    // What a filter has taken away is passed over.
    const there = (row) => row.filter((place) => place.name === name || !nodes.get(place.name).classList.contains("gone"));
    const seen = rows.map(there).filter((row) => row.length);
    const up = seen.findIndex((row) => row.some((place) => place.name === name));
    const along = seen[up].findIndex((place) => place.name === name);
    if (key === "ArrowLeft" || key === "ArrowRight") return seen[up][along + (key === "ArrowRight" ? 1 : -1)]?.name;
    const from = seen[up][along];
    const next = seen[up + (key === "ArrowDown" ? 1 : -1)] ?? [];
    return [...next].sort((a, b) => Math.abs(a.x - from.x) - Math.abs(b.x - from.x))[0]?.name;
  };

  for (const [name, node] of nodes) {
    node.addEventListener("click", () => choose(name));
    node.addEventListener("focus", () => reach(name));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(name);
      } else if (event.key === "Escape" && current !== null) {
        choose(current);
      } else if (event.key.startsWith("Arrow")) {
        event.preventDefault();
        nodes.get(neighbour(name, event.key))?.focus();
      }
    });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-show]");
    const wanted = link && placed(link.dataset.show);
    if (nodes.has(wanted)) {
      event.preventDefault();
      if (current !== wanted) choose(wanted);
      reach(current);
      const panel = panels.get(current);
      if (!link.closest("[data-panel]")) stage.scrollIntoView({ block: "nearest" });
      panel.querySelector("h3").focus({ preventScroll: true });
    }
    if (event.target.closest("[data-close]")) {
      const name = current;
      choose(name);
      nodes.get(name).focus();
    }
    const head = event.target.closest("[data-head-link]");
    if (head) document.dispatchEvent(new CustomEvent("show-head", { detail: head.dataset.headLink }));
  });

  // report.html#a9.h6 opens on that node.
  const follow = () => {
    const name = placed(decodeURIComponent(location.hash.slice(1)));
    if (!nodes.has(name) || name === current) return;
    choose(name);
    reach(name);
    document.getElementById("circuit").scrollIntoView({ behavior: "instant" });
  };

  for (const panel of panels.values()) panel.hidden = true;
  reach([...nodes.keys()].at(-1));
  window.addEventListener("hashchange", follow);
  follow();
}
