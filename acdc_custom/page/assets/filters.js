// What of the picture is shown: the heads of a role, edges above an effect, the circuit at a threshold. A click on an edge
// says what it is.
const stage = document.getElementById("stage");
const role = document.getElementById("role-filter");
const effect = document.getElementById("effect-filter");
const step = document.getElementById("step-filter");
const said = document.getElementById("edge-said");
const edges = [...(stage?.querySelectorAll("[data-edge]") ?? [])];

if (edges.length) {
  const nodes = [...stage.querySelectorAll("[data-node]")];
  const links = [...stage.querySelectorAll("[data-link]")];
  const words = { effect: document.getElementById("effect-said"), step: document.getElementById("step-said") };
  const strengths = edges.map((edge) => Math.abs(Number(edge.dataset.effect))).sort((a, b) => a - b);

  // In positions, a node is a head at a span, or where it reads: a role is the head's.
  const head = (name) => name.split("@")[0].replace(/\.kv$/, "");

  const show = () => {
    const least = effect ? [0, ...strengths][Number(effect.value)] : 0;
    const wanted = role?.value ? new Set(role.value.split(" ")) : null;
    const seen = new Set();
    let shown = 0;
    for (const edge of edges) {
      const there = !step || edge.dataset.steps.split(" ").includes(step.value);
      const gone = !there || Math.abs(Number(edge.dataset.effect)) < least;
      const { sender, receiver } = edge.dataset;
      edge.classList.toggle("gone", gone);
      edge.classList.toggle("faded", wanted !== null && !wanted.has(head(sender)) && !wanted.has(head(receiver)));
      if (gone) continue;
      shown += 1;
      seen.add(sender).add(receiver);
    }
    for (const link of links) {
      if (seen.has(link.dataset.sender)) seen.add(link.dataset.receiver);
      link.classList.toggle("gone", !seen.has(link.dataset.sender));
    }
    for (const node of nodes) {
      node.classList.toggle("gone", !seen.has(node.dataset.node));
      node.classList.toggle("faded", wanted !== null && !wanted.has(head(node.dataset.node)));
    }
    if (effect) words.effect.textContent = Number(effect.value) ? `${effect.dataset.from} ${least.toPrecision(2)}: ${shown} edges` : "all";
    if (step) {
      const now = document.getElementById("steps").options[Number(step.value)];
      words.step.textContent = now.label;
      step.setAttribute("aria-valuetext", now.label);
    }
  };

  if (effect) effect.max = String(strengths.length);
  for (const control of [role, effect, step]) control?.addEventListener("input", show);

  const tell = (edge) => {
    for (const other of edges) other.classList.toggle("told", other === edge);
    said.textContent = edge ? edge.dataset.said : "";
    said.hidden = !edge;
  };
  stage.addEventListener("click", (event) => {
    const edge = event.target.closest("[data-edge]");
    if (edge || !event.target.closest("[data-node]")) tell(edge);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show-edge]");
    if (!button) return;
    tell(edges.find((edge) => edge.dataset.edge === button.dataset.showEdge));
    said.focus({ preventScroll: true });
    stage.scrollIntoView({ block: "nearest" });
  });
  show();
}
