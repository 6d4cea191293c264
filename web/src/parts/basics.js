// Small parts that every page uses.
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import * as format from "../format.js";

/** What every page knows: who looks, and how camwatch is. */
export const Shared = createContext({ me: null, status: null });

export const useMe = () => useContext(Shared).me;
export const useStatus = () => useContext(Shared).status;
export const useMayChange = () => useMe()?.role === "operator";

/** The moment of the newest packet: what "ago" is counted from. A capture of last year is not a year ago while it is read. */
export function useNow() {
  const now = useStatus()?.now;
  return now ? Date.parse(now) : Date.now();
}

/** A moment, relative and absolute; the exact one on hovering. */
export function When({ at, brief = false, missing = "never" }) {
  const now = useNow();
  if (!at) return html`<span class="muted">${missing}</span>`;
  const then = Date.parse(at);
  const absolute = format.moment(then, now);
  return html`<time datetime=${at} title=${format.exact(then)} class="when">
    ${format.ago(then, now)}${!brief && html` <span class="muted">${absolute}</span>`}
  </time>`;
}

const STATES = {
  firing: "Firing",
  overseas: "Overseas",
  quiet: "Quiet",
  not_seen: "Not seen",
  pending: "Pending",
  resolved: "Resolved",
  suppressed: "Suppressed",
  acknowledged: "Acknowledged",
};

export const stateName = (state) => STATES[state] ?? state;

export const StateBadge = ({ state }) => html`<span class="badge state-${state}"><i aria-hidden="true"></i>${stateName(state)}</span>`;

export const Severity = ({ severity }) =>
  html`<span class="badge severity-${severity}"><i aria-hidden="true"></i>${severity[0].toUpperCase() + severity.slice(1)}</span>`;

const LEVELS = { strong: "Strong rhythm", beacon: "Clear rhythm", watch: "Faint rhythm" };

/** How clear a rhythm is, and its period. */
export const Beat = ({ level, period }) =>
  level
    ? html`<span class="beat beat-${level}" title=${LEVELS[level] ?? level}>
        <span class="sr">${LEVELS[level] ?? level}, every </span>${format.duration(period)}
      </span>`
    : html`<span class="muted" aria-label="no rhythm">–</span>`;

export const levelName = (level) => LEVELS[level] ?? "No rhythm";

export const Country = ({ code, brief = false }) =>
  code
    ? html`<span class="country"><abbr title=${format.country(code)}>${code}</abbr>${!brief && html` ${format.country(code)}`}</span>`
    : html`<span class="muted">Unknown</span>`;

/** A part of a page with a heading. */
export function Panel({ title, aside, children, class: extra = "", level = 2 }) {
  const id = `panel-${format.slug(title)}`;
  const heading = level === 3 ? html`<h3 id=${id}>${title}</h3>` : html`<h2 id=${id}>${title}</h2>`;
  return html`<section class="panel ${extra}" aria-labelledby=${id}>
    <div class="panel-head">${heading}${aside && html`<div class="panel-aside">${aside}</div>`}</div>
    ${children}
  </section>`;
}

/** What failed, and how to try again. */
export const Trouble = ({ error, reload, what = "This" }) =>
  html`<div class="notice notice-bad" role="alert">
    <p><strong>${what} could not be loaded.</strong> ${error.message}</p>
    ${reload && html`<button type="button" onClick=${reload}>Try again</button>`}
  </div>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export const Loading = ({ lines = 4 }) =>
  html`<div class="loading" role="status">
    <span class="sr">Loading</span>${Array.from({ length: lines }, () => html`<span aria-hidden="true"></span>`)}
  </div>`;

/** An answer's three faces: not there yet, failed, there. With old data an error is a line above them. */
export function Answer({ answer, what, children, lines }) {
  const { data, error, reload } = answer;
  if (data == null) return error ? html`<${Trouble} ...${{ error, reload, what }} />` : html`<${Loading} lines=${lines} />`;
  return html`${error &&
    html`<p class="notice notice-bad" role="alert">
      Not up to date: ${error.message} <button type="button" onClick=${reload}>Try again</button>
    </p>`}${children(data)}`;
}

/** Facts as a list of terms; those without a value are left out. */
export const Facts = ({ facts, class: extra = "" }) =>
  html`<dl class="facts ${extra}">
    ${facts
      .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
      .map(([term, value]) => html`<div key=${term}><dt>${term}</dt><dd>${value}</dd></div>`)}
  </dl>`;

/** The width that a part has, to draw to the pixel. */
export function useWidth(initial = 640) {
  const ref = useRef(null);
  const [width, setWidth] = useState(initial);
  // Before the first picture, so that nothing is drawn at a width that it never has.
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    setWidth(Math.max(240, Math.floor(ref.current.clientWidth)));
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.floor(entry.contentRect.width))));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** A value that is only given on after it rested. */
export function useRested(value, wait = 250) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), wait);
    return () => clearTimeout(timer);
  }, [value, wait]);
  return rested;
}

/** Links between the parts of a page; the one that is shown is marked. */
export const Tabs = ({ label, tabs, current, href }) =>
  html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(
      ([key, name, count]) =>
        html`<a key=${key} href=${href({ tab: key })} aria-current=${key === current ? "page" : undefined}>
          ${name}${count != null && html` <span class="count">${format.number(count)}</span>`}
        </a>`,
    )}
  </nav>`;
