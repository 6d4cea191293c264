// Which page, and its state: all of it stands in the address, so that a link shows another person the same.
import { useEffect, useState } from "preact/hooks";

const listeners = new Set();
const current = () => ({ path: location.pathname, search: location.search });
const tell = () => listeners.forEach((listener) => listener(current()));

addEventListener("popstate", tell);

/** Goes somewhere; `replace` leaves no step to go back to. */
export function navigate(to, { replace = false } = {}) {
  const url = new URL(to, location.href);
  if (url.href === location.href) return;
  const isNewPage = url.pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  tell();
  if (isNewPage) scrollTo(0, 0);
}

/** Links within the pages don't load them anew. */
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || /^\/(api|metrics|assets|healthz|readyz)(\/|$)/.test(url.pathname)) return;
  if (url.hash && url.pathname === location.pathname && url.search === location.search) return;
  event.preventDefault();
  navigate(url.href);
});

export function useLocation() {
  const [place, setPlace] = useState(current);
  useEffect(() => {
    listeners.add(setPlace);
    setPlace(current());
    return () => listeners.delete(setPlace);
  }, []);
  return place;
}

/**
 * The page's state: its values as in the address, else as by default; and how to change some of them. What stands at its
 * default is left out of the address.
 */
export function useQuery(defaults) {
  const { search } = useLocation();
  const there = new URLSearchParams(search);
  const values = { ...defaults };
  for (const key of Object.keys(defaults)) if (there.has(key)) values[key] = there.get(key);
  const set = (changes, options) => navigate(href(changes), options);
  const href = (changes) => {
    const next = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === "" || String(value) === String(defaults[key])) next.delete(key);
      else next.set(key, value);
    }
    const text = next.toString();
    return location.pathname + (text ? `?${text}` : "");
  };
  return [values, set, href];
}
