// Whether something changed: told by the daemon (server-sent events); where that cannot be had, asked for every while.
import { useEffect, useState } from "preact/hooks";

const EVENTS = "/api/v1/events";
const POLL_MS = 15_000;
/** Pages are made anew no more often than that. */
const CALM_MS = 2_000;

const listeners = new Set();
const state = { generation: 0, link: "connecting" };
let last = 0;
let waiting = null;
let poll = null;

const tell = () => listeners.forEach((listener) => listener({ ...state }));

function changed() {
  if (waiting) return;
  waiting = setTimeout(
    () => {
      waiting = null;
      // Who doesn't look needs nothing new; it is asked for when they come back.
      if (document.hidden) return;
      last = Date.now();
      state.generation += 1;
      tell();
    },
    Math.max(0, last + CALM_MS - Date.now()),
  );
}

function setLink(link) {
  if (state.link === link) return;
  state.link = link;
  tell();
}

function startPolling() {
  setLink("polling");
  poll ??= setInterval(changed, POLL_MS);
}

function stopPolling() {
  clearInterval(poll);
  poll = null;
}

let source = null;

function listen() {
  // A browser has six connections for a host, and each page that listens holds one of them.
  if (document.hidden || source) return;
  const own = (source = new EventSource(EVENTS));
  own.onopen = () => {
    // What happened while nobody listened is asked for once.
    if (state.link === "polling") changed();
    stopPolling();
    setLink("live");
  };
  own.addEventListener("changed", changed);
  own.onerror = () => {
    startPolling();
    // A browser tries again by itself unless the answer was no event stream.
    if (own.readyState !== EventSource.CLOSED) return;
    if (source === own) source = null;
    setTimeout(listen, POLL_MS);
  };
}

function rest() {
  source?.close();
  source = null;
}

/** Begins to listen. */
export function start() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return rest();
    listen();
    changed();
  });
  listen();
}

function useShared() {
  const [now, setNow] = useState(state);
  useEffect(() => {
    listeners.add(setNow);
    return () => listeners.delete(setNow);
  }, []);
  return now;
}

/** Grows whenever pages should ask again. */
export const useGeneration = () => useShared().generation;

/** "live", "polling" or "connecting". */
export const useLink = () => useShared().link;
