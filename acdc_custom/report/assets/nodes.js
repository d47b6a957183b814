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
    if (current !== null) document.dispatchEvent(new CustomEvent("node-chosen", { detail: nodes.get(current) }));
  };

  // One node can be reached with Tab, the others from there with the arrow keys.
  const reach = (name) => nodes.forEach((node, other) => (node.tabIndex = other === name ? 0 : -1));

  const middle = (node) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    return { x: left + width / 2, y: top + height / 2 };
  };

  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  // The nearest node that way; to the side counts double, so that rows and columns are followed.
  const neighbour = (name, [dx, dy]) => {
    const from = middle(nodes.get(name));
    let best = null;
    for (const [other, node] of nodes) {
      const { x, y } = middle(node);
      const [ahead, aside] = [(x - from.x) * dx + (y - from.y) * dy, Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx)];
      const cost = ahead + 2 * aside;
      if (ahead > 2 && (best === null || cost < best.cost)) best = { other, cost };
    }
    return best?.other;
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
      } else if (event.key in DIRECTIONS) {
        event.preventDefault();
        nodes.get(neighbour(name, DIRECTIONS[event.key]))?.focus();
      }
    });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-show]");
    if (link && nodes.has(link.dataset.show)) {
      event.preventDefault();
      if (current !== link.dataset.show) choose(link.dataset.show);
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

  for (const panel of panels.values()) panel.hidden = true;
  reach([...nodes.keys()].at(-1));
}
