// Questions to the daemon, and their answers kept fresh.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useGeneration } from "./live.js";

/** A request that failed; the message is for people. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const WAIT_MS = 20_000;

async function ask(path, options = {}) {
  let answer;
  try {
    const signals = [AbortSignal.timeout(WAIT_MS), options.signal].filter(Boolean);
    answer = await fetch(`/api/v1${path}`, { ...options, signal: AbortSignal.any ? AbortSignal.any(signals) : options.signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Failure(0, "camwatch cannot be reached: is it running, and is this machine still connected to it?");
  }
  const isJson = answer.headers.get("content-type")?.includes("json");
  const body = isJson ? await answer.json().catch(() => null) : null;
  if (answer.ok) return body;
  throw new Failure(answer.status, body?.error ?? withoutWords(answer.status));
}

function withoutWords(status) {
  if (status === 401) return "You are not signed in any more: load the page again to sign in.";
  if (status === 403) return "You may look, but not do this: it takes an operator.";
  if (status === 404) return "There is nothing at this address (any more).";
  if (status === 429) return "Too many requests: wait a minute, then try again.";
  return `camwatch answered with an error (${status}).`;
}

/** "?a=1&b=2" of what isn't empty. */
export function query(parameters) {
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return entries.length ? `?${new URLSearchParams(entries)}` : "";
}

/** Changes something. The header can't be sent by another site's page. */
export const change = (method, path, body = {}) =>
  ask(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Camwatch": "1" } });

/**
 * What stands at a path of the API (null: nothing is asked), asked again when the daemon says that something changed. The
 * old answer stays until the new one is there; an error leaves it too, so that a short outage blanks nothing.
 */
export function useAnswer(path) {
  const generation = useGeneration();
  const [answer, setAnswer] = useState({ path: null, data: null, error: null });
  const [again, setAgain] = useState(0);
  const running = useRef(null);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    running.current = abort;
    ask(path, { signal: abort.signal }).then(
      (data) => setAnswer({ path, data, error: null }),
      (error) => {
        if (abort.signal.aborted) return;
        setAnswer((old) => ({ path, data: old.path === path ? old.data : null, error }));
      },
    );
    return () => abort.abort();
  }, [path, generation, again]);
  const reload = useCallback(() => setAgain((count) => count + 1), []);
  const fresh = answer.path === path;
  return { data: answer.data, error: fresh ? answer.error : null, loading: path !== null && !fresh, fresh, reload };
}
