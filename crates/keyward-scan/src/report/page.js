'use strict';
const text = document.getElementById('text');
const rule = document.getElementById('rule');
const level = document.getElementById('level');
const count = document.getElementById('count');
const form = document.querySelector('form');
function filter() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const section of document.querySelectorAll('section')) {
    let some = false;
    for (const card of section.querySelectorAll('article')) {
      const all = (section.dataset.file + ' ' + card.textContent).toLowerCase();
      const fits = words.every((word) => all.includes(word))
        && (!rule.value || card.dataset.rule === rule.value)
        && (!level.value || card.classList.contains(level.value));
      card.hidden = !fits;
      if (fits) { some = true; shown += 1; }
    }
    section.hidden = !some;
  }
  count.textContent = String(shown);
}
form.hidden = false;
form.addEventListener('input', filter);
form.addEventListener('submit', (event) => event.preventDefault());
