// The attention viewer: a token is chosen, the others are coloured by the attention between them and it.
const box = document.getElementById("attention");
if (box) {
  const { scale, first, heads, prompts, patterns } = JSON.parse(document.getElementById("attention-data").textContent);
  const [text, list, said, prompt, direction, buttons] = ["text", "list", "said", "prompt", "direction", "heads"].map(
    (name) => document.getElementById(`attention-${name}`),
  );
  const MOST = 5; // tokens in the list
  const chosen = { head: 0, prompt: 0, token: 0 };

  const visible = (token) => token.replaceAll("\n", "⏎").trim() || "␣";
  const percent = (weight) => `${(weight * 100).toFixed(weight < 0.1 ? 1 : 0)} %`;

  // Attention between the chosen token and another one; undefined where the model cannot look.
  const between = (other, token) => {
    const pattern = patterns[chosen.head][chosen.prompt];
    const row = direction.value === "reads" ? pattern[token]?.[other] : pattern[other]?.[token];
    return row === undefined ? undefined : row / scale;
  };

  const show = (token) => {
    const tokens = prompts[chosen.prompt][1];
    const weights = tokens.map((_, other) => between(other, token));
    [...text.children].forEach((span, place) => {
      span.style.setProperty("--weight", weights[place] ?? 0);
      span.classList.toggle("unread", weights[place] === undefined);
      span.classList.toggle("from", place === token);
      span.title = weights[place] === undefined ? "not visible from here" : percent(weights[place]);
    });
    const [, label, about] = heads[chosen.head];
    const name = `token ${token + 1}, “${visible(tokens[token])}”`;
    said.textContent =
      direction.value === "reads"
        ? `${label}${about && ` (${about})`}: from ${name}, attention goes to`
        : `${label}${about && ` (${about})`}: ${name} is attended to from`;
    const order = weights.map((weight, place) => [weight ?? 0, place]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    list.replaceChildren(
      ...order.slice(0, MOST).filter(([weight]) => weight > 0).map(([weight, place]) => {
        const row = document.createElement("li");
        for (const [kind, content] of [["token", `${visible(tokens[place])} (${place + 1})`], ["bar", ""], ["share", percent(weight)]]) {
          const cell = document.createElement("span");
          cell.className = kind;
          cell.textContent = content;
          row.append(cell);
        }
        const bar = document.createElement("i");
        bar.style.setProperty("--weight", weight);
        row.children[1].append(bar);
        return row;
      }),
    );
  };

  // Everything at once, in cells that stay sharp at any size: a row is who looks, a column is what is looked at.
  const whole = document.getElementById("attention-whole");
  const matrix = () => {
    if (!whole.open) return;
    const [SIZE, LABEL] = [15, 84];
    const tokens = prompts[chosen.prompt][1];
    const pattern = patterns[chosen.head][chosen.prompt];
    const draw = (tag, attributes, content) => {
      const mark = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) mark.setAttribute(name, value);
      if (content) mark.textContent = content;
      return mark;
    };
    const side = LABEL + SIZE * tokens.length;
    const name = `Attention of ${heads[chosen.head][1]} on ${prompts[chosen.prompt][0]}: each row is a token that looks`;
    const picture = draw("svg", { viewBox: `0 0 ${side} ${side}`, width: side, height: side, role: "img", "aria-label": name });
    tokens.forEach((token, place) => {
      const at = LABEL + SIZE * (place + 0.75);
      const short = visible(token).slice(0, 12);
      picture.append(draw("text", { x: LABEL - 5, y: at, "text-anchor": "end" }, short));
      picture.append(draw("text", { transform: `translate(${at} ${LABEL - 5}) rotate(-90)` }, short));
    });
    pattern.forEach((row, query) =>
      row.slice(0, query + 1).forEach((weight, key) => {
        const share = weight / scale;
        const cell = draw("rect", { x: LABEL + SIZE * key, y: LABEL + SIZE * query, width: SIZE - 1, height: SIZE - 1 });
        cell.style.fillOpacity = 0.04 + 0.96 * share;
        cell.append(draw("title", {}, `${visible(tokens[query])} → ${visible(tokens[key])}: ${percent(share)}`));
        picture.append(cell);
      }),
    );
    whole.querySelector(".matrix").replaceChildren(picture);
  };
  whole.addEventListener("toggle", matrix);

  const choose = (token) => {
    chosen.token = token;
    [...text.children].forEach((span, place) => {
      span.tabIndex = place === token ? 0 : -1;
      span.setAttribute("aria-pressed", String(place === token));
    });
    show(token);
  };

  const write = () => {
    const tokens = prompts[chosen.prompt][1];
    text.replaceChildren(
      ...tokens.map((token, place) => {
        const span = document.createElement("span");
        span.textContent = token.trim() ? token : visible(token);
        span.setAttribute("role", "button");
        span.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(place));
        span.addEventListener("click", () => choose(place));
        span.addEventListener("focus", () => choose(place));
        return span;
      }),
    );
    choose(tokens.length - 1);
    matrix();
  };

  text.addEventListener("pointerleave", () => show(chosen.token));
  text.addEventListener("keydown", (event) => {
    const last = text.children.length - 1;
    const places = { ArrowRight: chosen.token + 1, ArrowLeft: chosen.token - 1, Home: 0, End: last };
    if (!(event.key in places)) return;
    event.preventDefault();
    text.children[Math.min(last, Math.max(0, places[event.key]))].focus();
  });

  const head = (place) => {
    chosen.head = place;
    [...buttons.querySelectorAll("button")].forEach((button, other) => button.setAttribute("aria-pressed", String(other === place)));
    show(chosen.token);
    matrix();
  };

  prompts.forEach(([label], place) => prompt.add(new Option(label, place)));
  heads.forEach(([name, label, about], place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.dataset.head = name;
    if (about) button.title = about;
    button.addEventListener("click", () => head(place));
    buttons.append(button);
  });
  prompt.addEventListener("change", () => {
    chosen.prompt = Number(prompt.value);
    write();
  });
  direction.addEventListener("change", () => show(chosen.token));
  // Other parts of a page ask for a head by its name.
  document.addEventListener("show-head", (event) => {
    const place = heads.findIndex(([name]) => name === event.detail);
    if (place >= 0) head(place);
  });
  write();
  head(first);
}
