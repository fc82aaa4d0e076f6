// Hides what does not contain the words of a search field (data-filter: a selector of what is searched), and what a
// check box (data-show: a kind) does not ask for.
const field = document.querySelector("[data-filter]");
const boxes = [...document.querySelectorAll("[data-show]")];

function apply() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll(field.dataset.filter)) {
    const text = item.textContent.toLowerCase();
    const kindHidden = boxes.some((box) => box.dataset.show === item.dataset.kind && !box.checked);
    item.hidden = kindHidden || !words.every((word) => text.includes(word));
  }
}

field.addEventListener("input", apply);
for (const box of boxes) box.addEventListener("change", apply);
apply();
