// Faults on demand: what real EMRs and the networks before them do to a write.
//
// A fault has a mode, applies to some requests (method, resource type) and wears off after a number of requests, some
// seconds, or when cleared. Modes:
//   status                answers with this status and does nothing (503 with or without Retry-After, 429, 409, …)
//   timeout_before        does nothing and never answers
//   timeout_after_commit  does the work and never answers
//   empty_201             a create's answer has no body and no ETag, only Location
//   ignore_headers        the server does not know these request headers (If-None-Exist, If-Match, …)
//   empty_search          a search finds nothing, like an index that lags behind
// A request that is never answered is held until the client gives up, `hold_seconds` are over (0 breaks the
// connection at once), or the faults are cleared.

const MODES = {
  status: { status: 'number', retry_after: 'number' },
  timeout_before: { hold_seconds: 'number' },
  timeout_after_commit: { hold_seconds: 'number' },
  empty_201: {},
  ignore_headers: { headers: 'strings' },
  empty_search: {},
};
const COMMON = { mode: 'string', method: 'string', resource_type: 'string', count: 'number', seconds: 'number' };
const DEFAULT_HOLD_SECONDS = 60;

export class Faults {
  #faults = [];
  #held = new Set();
  #lastId = 0;
  #injected = {};

  /** Adds a fault described by JSON; throws an Error that says what is wrong with the description. */
  add(description) {
    const fault = { ...checked(description), id: (this.#lastId += 1), injected: 0 };
    if (fault.seconds !== undefined) {
      fault.until = performance.now() + fault.seconds * 1000;
    }
    this.#faults.push(fault);
    return fault.id;
  }

  /** Ends every fault and lets go of the requests they hold. The counts stay. */
  clear() {
    this.#faults = [];
    for (const letGo of this.#held) {
      letGo();
    }
  }

  /** The faults still in force, and how often each mode was injected since the start. */
  list() {
    const faults = this.#faults.filter(isLive).map(({ until: _until, ...fault }) => fault);
    return { faults, injected: this.#injected };
  }

  /**
   * Serves one request through the faults. `serve` does the work and resolves to an answer {status, headers, body};
   * resolves to the answer to send, or to undefined when the connection has to be broken off.
   */
  async through(request, serve, connection) {
    const live = this.#faults.filter((fault) => isLive(fault) && concerns(fault, request));
    const deaf = live.filter((fault) => fault.mode === 'ignore_headers' && withHeaders(fault, request).length > 0);
    const blind = live.find((fault) => fault.mode === 'empty_search' && isSearch(request));
    const refusal = live.find((fault) => fault.mode === 'status' || fault.mode.startsWith('timeout_'));
    if (refusal?.mode === 'status') {
      this.#count(refusal);
      return refusalAnswer(refusal);
    }
    if (refusal?.mode === 'timeout_before') {
      this.#count(refusal);
      return this.#hold(refusal, connection);
    }
    let heard = request;
    for (const fault of deaf) {
      this.#count(fault);
      heard = { ...heard, headers: without(heard.headers, withHeaders(fault, heard)) };
    }
    if (refusal) {
      this.#count(refusal); // before the work: two requests at once must not share one count
      await serve(heard);
      return this.#hold(refusal, connection);
    }
    let answer = await serve(heard);
    if (blind && answer.status === 200) {
      this.#count(blind);
      answer = { ...answer, body: { resourceType: 'Bundle', type: 'searchset', total: 0 } };
    }
    const mute = live.find((fault) => fault.mode === 'empty_201' && isLive(fault));
    if (mute && answer.status === 201) {
      this.#count(mute);
      answer = { ...answer, body: undefined, headers: { location: answer.headers.location } };
    }
    return answer;
  }

  #count(fault) {
    fault.injected += 1;
    this.#injected[fault.mode] = (this.#injected[fault.mode] ?? 0) + 1;
  }

  #hold({ hold_seconds: seconds = DEFAULT_HOLD_SECONDS }, connection) {
    return new Promise((resolve) => {
      const letGo = () => {
        clearTimeout(timer);
        this.#held.delete(letGo);
        resolve(undefined);
      };
      const timer = setTimeout(letGo, seconds * 1000);
      this.#held.add(letGo);
      connection.once('close', letGo);
    });
  }
}

function checked(description) {
  const known = MODES[description?.mode];
  if (!known) {
    throw new Error(`mode must be one of ${Object.keys(MODES).join(', ')}`);
  }
  const allowed = { ...COMMON, ...known };
  for (const [name, value] of Object.entries(description)) {
    if (!Object.hasOwn(allowed, name)) {
      throw new Error(`${name} is not a property of the mode ${description.mode}`);
    }
    const isRight = {
      string: () => typeof value === 'string' && value !== '',
      number: () => Number.isFinite(value) && value >= 0,
      strings: () => Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'),
    }[allowed[name]];
    if (!isRight()) {
      throw new Error(`${name} is not right for the mode ${description.mode}`);
    }
  }
  if (description.mode === 'status' && !(description.status >= 300 && description.status <= 599)) {
    throw new Error('status must be from 300 to 599');
  }
  if (description.mode === 'ignore_headers' && !description.headers) {
    throw new Error('headers are missing');
  }
  return description;
}

function isLive({ count, injected, until }) {
  return (count === undefined || injected < count) && (until === undefined || performance.now() < until);
}

function concerns({ method, resource_type: resourceType }, request) {
  return (!method || method === request.method) && (!resourceType || resourceType === typeOf(request));
}

function typeOf({ target }) {
  return /^\/([A-Za-z$]*)/.exec(target)?.[1];
}

function isSearch({ method, target }) {
  return method === 'GET' && /^\/[A-Z][A-Za-z]+\/?(\?|$)/.test(target);
}

function withHeaders({ headers }, request) {
  return headers.map((name) => name.toLowerCase()).filter((name) => request.headers[name] !== undefined);
}

function without(headers, names) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

function refusalAnswer({ status, retry_after: retryAfter }) {
  const headers = { 'content-type': 'application/fhir+json' };
  if (retryAfter !== undefined) {
    headers['retry-after'] = String(Math.ceil(retryAfter));
  }
  const issue = { severity: 'error', code: status === 429 ? 'throttled' : 'transient', diagnostics: 'Injected fault' };
  return { status, headers, body: { resourceType: 'OperationOutcome', issue: [issue] } };
}
