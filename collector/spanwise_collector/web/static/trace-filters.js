// The filter bar: what is in the form is in the address, and the other way round.

const NAMES = ["service", "operation", "min_duration", "error"];

export class TraceFilters {
  #form;
  #changed;

  /** `changed()` is called when the reader has changed a filter to something valid. */
  constructor(form, changed) {
    this.#form = form;
    this.#changed = changed;
    this.#read();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
    });
    form.addEventListener("change", (event) => {
      if (event.target.name === "service") form.elements.operation.value = ""; // it belonged to the other service
      this.#apply();
    });
    window.addEventListener("popstate", () => {
      this.#read();
      this.#changed();
    });
  }

  /** The API's query parameters that are set. */
  get values() {
    const entries = NAMES.map((name) => [name, this.#value(name)]).filter(([, value]) => value !== "");
    return Object.fromEntries(entries);
  }

  get empty() {
    return Object.keys(this.values).length === 0;
  }

  /** Chooses a service, or none when it is the chosen one. */
  toggleService(name) {
    const select = this.#form.elements.service;
    const next = select.value === name ? "" : name;
    offer(select, next);
    select.value = next;
    this.#form.elements.operation.value = "";
    this.#apply();
  }

  clear() {
    for (const name of NAMES) this.#set(name, "");
    this.#apply();
  }

  offerServices(names) {
    for (const name of names) offer(this.#form.elements.service, name);
  }

  #value(name) {
    const field = this.#form.elements[name];
    if (field.type === "checkbox") return field.checked ? field.value : "";
    return field.value.trim().replaceAll(/\s+/g, name === "min_duration" ? "" : " ");
  }

  #set(name, value) {
    const field = this.#form.elements[name];
    if (field.type === "checkbox") field.checked = value === field.value;
    else {
      if (field.tagName === "SELECT") offer(field, value);
      field.value = value;
    }
  }

  #read() {
    const query = new URLSearchParams(location.search);
    for (const name of NAMES) this.#set(name, query.get(name) ?? "");
  }

  #apply() {
    if (!this.#form.reportValidity()) return;
    const query = new URLSearchParams(this.values).toString();
    const address = query ? `?${query}` : location.pathname;
    if (query !== location.search.slice(1)) history.pushState(null, "", address);
    this.#changed();
  }
}

function offer(select, value) {
  if (value && ![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
}
