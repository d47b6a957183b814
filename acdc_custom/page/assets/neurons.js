// Examples of neurons: those whose text has what is searched for, in the order that is asked for.
const search = document.getElementById("search");
const sort = document.getElementById("sort");
const said = document.getElementById("said");
const lists = [...document.querySelectorAll("ol.examples")];
// What is searched: all of a text, where only a part of it is shown at once.
const found = (item) => (item.querySelector(".whole") ?? item.querySelector(".text")).textContent.toLowerCase();
const items = lists.flatMap((list) => [...list.children].map((item) => ({ item, text: found(item) })));

const show = () => {
  const wanted = search.value.trim().toLowerCase();
  let n = 0;
  for (const { item, text } of items) {
    item.hidden = !text.includes(wanted);
    n += item.hidden ? 0 : 1;
  }
  said.textContent = wanted ? `${n} of ${items.length} examples` : `${items.length} examples`;
};

const order = () => {
  const key = sort.value;
  const by = {
    rank: (a, b) => a.dataset.rank - b.dataset.rank,
    mean: (a, b) => b.dataset.mean - a.dataset.mean,
    line: (a, b) => a.dataset.line - b.dataset.line,
    token: (a, b) => a.dataset.token.localeCompare(b.dataset.token, "en", { numeric: true }),
  };
  for (const list of lists) {
    const rank = by.rank;
    list.append(...[...list.children].sort((a, b) => by[key](a, b) || rank(a, b)));
  }
};

search.addEventListener("input", show);
sort.addEventListener("change", order);
show();
