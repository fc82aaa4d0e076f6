// Asks again and again: about once a second, not while the tab is hidden or the reader paused it, ever more
// slowly while the collector does not answer.

import { ApiError } from "./api.js";

const INTERVAL_MS = 1000;
const SLOWEST_MS = 30000;

export class LiveFeed {
  #poll;
  #report;
  #timer = 0;
  #abort = null;
  #failures = 0;
  #paused = false;

  /**
   * `poll(signal)` fetches and shows. `report(state)` is told of every change: `{paused, failure, retryAt}`, where
   * `failure` is the last attempt's error or null, and `retryAt` the time (ms) of the next attempt after one.
   */
  constructor(poll, report) {
    this.#poll = poll;
    this.#report = report;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#paused) this.now();
    });
  }

  get paused() {
    return this.#paused;
  }

  /** Polls at once, giving up an attempt under way, and goes on from there. */
  now() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#paused = false;
    return this.#attempt();
  }

  pause() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#paused = true;
    this.#tell(null, 0);
  }

  async #attempt() {
    const abort = new AbortController();
    this.#abort = abort;
    let failure = null;
    try {
      await this.#poll(abort.signal);
    } catch (error) {
      failure = error;
    }
    if (abort.signal.aborted) return;
    if (failure && !(failure instanceof ApiError)) console.error(failure); // a fault of the page, not of the collector
    this.#failures = failure ? this.#failures + 1 : 0;
    const wait = failure ? Math.min(INTERVAL_MS * 2 ** (this.#failures - 1), SLOWEST_MS) : INTERVAL_MS;
    this.#tell(failure, failure ? Date.now() + wait : 0);
    this.#timer = setTimeout(() => this.#next(), wait);
  }

  #next() {
    if (!document.hidden) this.#attempt(); // a hidden tab is woken by visibilitychange
  }

  #tell(failure, retryAt) {
    this.#report({ paused: this.#paused, failure, retryAt });
  }
}
