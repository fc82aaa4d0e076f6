// The collector's JSON API (docs/collector-api.md).

const TIMEOUT_MS = 15000; // the collector ends its own queries earlier and says why

/** An answer that is no result. `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  /** `base` is the URL prefix of the API. */
  constructor(base) {
    this.base = base;
  }

  /** One page of traces, newest first; `filters` are the query parameters that are not empty. */
  traces(filters, signal) {
    return this.#get("/traces", filters, signal);
  }

  trace(traceId, signal) {
    return this.#get(`/traces/${encodeURIComponent(traceId)}`, {}, signal);
  }

  async services() {
    return (await this.#get("/services", {})).services;
  }

  async operations(service) {
    return (await this.#get("/operations", { service })).operations;
  }

  async #get(path, parameters, signal) {
    const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const query = new URLSearchParams(given).toString();
    const response = await answer(`${this.base}${path}${query ? `?${query}` : ""}`, signal);
    const body = await response.json().catch(() => null);
    if (response.ok && body !== null) return body;
    const message = body?.error ?? `The collector answered ${response.status} ${response.statusText}.`.replace(" .", ".");
    throw new ApiError(response.status, message);
  }
}

async function answer(url, signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const headers = { traceparent: unsampled() };
    return await fetch(url, { headers, signal: signal ? AbortSignal.any([signal, limit]) : limit, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, limit.aborted ? "The collector takes too long to answer." : "The collector does not answer.");
  }
}

// A page that asks every second would fill the list of newest traces with traces of its own asking. So it takes part in
// tracing (W3C Trace Context) as a caller that has decided not to sample.
function unsampled() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${digits.slice(0, 32)}-${digits.slice(32)}-00`;
}
