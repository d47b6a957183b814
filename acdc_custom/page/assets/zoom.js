// Zooming and panning of the circuit, by wheel, touch, keys and buttons: all of it moves the picture's viewBox.
const stage = document.getElementById("stage");
const svg = stage?.querySelector("svg");
if (svg) {
  const CLOSEST = 16; // times
  const STEP = 1.4;
  const picture = { w: Number(svg.dataset.width), h: Number(svg.dataset.height) };
  let whole; // the picture, with room around it to have the shape of the stage
  let view;

  const measure = () => {
    const shape = stage.clientWidth / stage.clientHeight;
    const [w, h] = [Math.max(picture.w, picture.h * shape), Math.max(picture.h, picture.w / shape)];
    whole = { x: (picture.w - w) / 2, y: (picture.h - h) / 2, w, h };
  };

  const apply = () => {
    svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].map((n) => n.toFixed(2)).join(" "));
    const times = whole.w / view.w;
    stage.classList.toggle("zoomed", times > 1.01);
    document.getElementById("zoom-level").textContent = `${Math.round(times * 100)} %`;
  };

  const fit = () => {
    view = { ...whole };
    apply();
  };

  const open = () => {
    measure();
    fit();
  };

  const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

  const moveTo = (x, y) => {
    view.x = within(x, whole.x, whole.x + whole.w - view.w);
    view.y = within(y, whole.y, whole.y + whole.h - view.h);
    apply();
  };

  // Keeps the point `at` (in the picture's units) where it is on the screen.
  const zoom = (factor, at = { x: view.x + view.w / 2, y: view.y + view.h / 2 }) => {
    const w = within(view.w / factor, whole.w / CLOSEST, whole.w);
    const ratio = w / view.w;
    view = { ...view, w, h: view.h * ratio };
    moveTo(at.x - (at.x - view.x) * ratio, at.y - (at.y - view.y) * ratio);
  };

  const pointAt = (clientX, clientY) => new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
  const pan = (across, down) => moveTo(view.x + across * view.w, view.y + down * view.h);

  const act = { in: () => zoom(STEP), out: () => zoom(1 / STEP), fit };
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => act[button.dataset.zoom]());
  }

  const keys = {
    "+": act.in, "=": act.in, "-": act.out, "0": fit,
    ArrowLeft: () => pan(-0.15, 0), ArrowRight: () => pan(0.15, 0), ArrowUp: () => pan(0, -0.15), ArrowDown: () => pan(0, 0.15),
  };
  stage.addEventListener("keydown", (event) => {
    const onNode = event.target !== stage && event.key.startsWith("Arrow"); // these move between nodes
    if (onNode || !(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  // The wheel alone scrolls the page; with Ctrl (which is also what pinching a touchpad sends) it zooms.
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.003)), pointAt(event.clientX, event.clientY));
  }, { passive: false });

  // One pointer pans, two zoom. A finger on the whole picture scrolls the page instead (touch-action in the style).
  const pointers = new Map();
  const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  const middle = ([a, b]) => [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2];
  let dragged = 0;

  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) return;
    if (!pointers.size) dragged = 0;
    pointers.set(event.pointerId, event);
  });
  window.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const old = [...pointers.values()];
    pointers.set(event.pointerId, event);
    if (old.length === 1) {
      const [from, to] = [pointAt(before.clientX, before.clientY), pointAt(event.clientX, event.clientY)];
      dragged += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
      moveTo(view.x + from.x - to.x, view.y + from.y - to.y);
    } else if (old.length === 2) {
      const now = [...pointers.values()];
      const [from, to] = [pointAt(...middle(old)), pointAt(...middle(now))];
      dragged = Infinity;
      moveTo(view.x + from.x - to.x, view.y + from.y - to.y);
      zoom(spread(now) / spread(old), pointAt(...middle(now)));
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    window.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  // What was dragged was not clicked.
  stage.addEventListener("click", (event) => dragged > 6 && event.stopPropagation(), { capture: true });
  stage.addEventListener("dblclick", (event) => zoom(STEP * STEP, pointAt(event.clientX, event.clientY)));

  // A node that is focused or chosen comes into view.
  const bringIn = (node) => {
    if (!node || view.w === whole.w) return;
    const frame = stage.getBoundingClientRect();
    const place = node.getBoundingClientRect();
    const inside = place.left >= frame.left && place.right <= frame.right && place.top >= frame.top && place.bottom <= frame.bottom;
    if (inside) return;
    const at = pointAt(place.left + place.width / 2, place.top + place.height / 2);
    moveTo(at.x - view.w / 2, at.y - view.h / 2);
  };
  stage.addEventListener("focusin", (event) => bringIn(event.target.closest("[data-node]")));
  document.addEventListener("node-chosen", (event) => bringIn(event.detail));
  // A phone changes its window's height whenever its bars come and go.
  let width = stage.clientWidth;
  window.addEventListener("resize", () => {
    if (stage.clientWidth === width) return;
    width = stage.clientWidth;
    open();
  });
  window.addEventListener("beforeprint", fit);
  open();
}
