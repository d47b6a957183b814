// Pinned nodes: marked in the picture, a group with a name, saved as JSON and read again.
const stage = document.getElementById("stage");
const box = document.getElementById("pins");
if (box) {
  const SCHEMA = 1;
  const nodes = new Map([...stage.querySelectorAll("[data-node]")].map((node) => [node.dataset.node, node]));
  const labels = new Map([...document.querySelectorAll("[data-panel] h3")].map((h) => [h.closest("[data-panel]").dataset.panel, h.textContent]));
  const buttons = [...document.querySelectorAll("[data-pin]")];
  const [name, list, said, file] = ["name", "list", "said", "file"].map((part) => document.getElementById(`pins-${part}`));
  const pinned = new Set();

  const label = (node) => labels.get(node) ?? node;
  const count = (n) => `${n} node${n === 1 ? "" : "s"}`;

  const show = () => {
    for (const [node, mark] of nodes) {
      mark.classList.toggle("pinned", pinned.has(node));
      if (pinned.has(node)) mark.setAttribute("aria-description", "pinned");
      else mark.removeAttribute("aria-description");
    }
    for (const button of buttons) button.setAttribute("aria-pressed", String(pinned.has(button.dataset.pin)));
    const inOrder = [...nodes.keys()].reverse().filter((node) => pinned.has(node));
    list.replaceChildren(
      ...inOrder.map((node) => {
        const item = document.createElement("li");
        const unpin = document.createElement("button");
        unpin.type = "button";
        unpin.dataset.unpin = node;
        unpin.textContent = `${label(node)} ×`;
        unpin.setAttribute("aria-label", `Unpin ${label(node)}`);
        item.append(unpin);
        return item;
      }),
    );
    for (const button of box.querySelectorAll("[data-pins]")) button.disabled = !pinned.size;
  };

  const pin = (node) => {
    const there = pinned.delete(node);
    if (!there) pinned.add(node);
    said.textContent = `${label(node)} is ${there ? "no longer " : ""}pinned; ${count(pinned.size)} pinned.`;
    show();
  };

  const save = () => {
    const content = { schema: SCHEMA, circuit: box.dataset.circuit, name: name.value.trim(), nodes: [...nodes.keys()].filter((node) => pinned.has(node)) };
    const link = document.createElement("a");
    link.href = `data:application/json;charset=utf-8,${encodeURIComponent(`${JSON.stringify(content, null, 2)}\n`)}`;
    link.download = `${content.name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_") || "pinned"}.json`;
    link.click();
    said.textContent = `${count(pinned.size)} saved as ${link.download}.`;
  };

  const read = async (given) => {
    let content = null;
    try {
      content = JSON.parse(await given.text());
    } catch {
      // What is no JSON is told of below.
    }
    const names = content?.schema === SCHEMA && Array.isArray(content.nodes) ? content.nodes.map(String) : null;
    if (!names) {
      said.textContent = `${given.name} holds no group of pinned nodes. Give a file that this page, or another report, has saved.`;
      return;
    }
    const missing = names.filter((node) => !nodes.has(node));
    pinned.clear();
    for (const node of names) if (nodes.has(node)) pinned.add(node);
    name.value = String(content.name ?? "");
    said.textContent = `${count(pinned.size)} read from ${given.name}.${missing.length ? ` Not in this picture: ${missing.join(", ")}.` : ""}`;
    show();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-pin], [data-unpin]");
    if (!button) return;
    const removed = "unpin" in button.dataset;
    pin(button.dataset.pin ?? button.dataset.unpin);
    if (removed) (list.querySelector("button") ?? name).focus();
  });
  stage.addEventListener("keydown", (event) => {
    const node = event.target.closest("[data-node]");
    if (node && event.key.toLowerCase() === "p" && !event.ctrlKey && !event.metaKey && !event.altKey) pin(node.dataset.node);
  });
  box.querySelector("[data-pins=save]").addEventListener("click", save);
  box.querySelector("[data-pins=clear]").addEventListener("click", () => {
    pinned.clear();
    said.textContent = "Nothing is pinned.";
    show();
    name.focus();
  });
  document.getElementById("pins-read").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) read(file.files[0]);
    file.value = ""; // the same file can be chosen again
  });
  // A file may be dropped anywhere: next to the box, the browser would leave the page for it.
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });
  show();
}
