// Numbers, times and countries as people read them. Moments are UTC, as in the log, the metrics and the command line.

const integers = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const compacts = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const regions = new Intl.DisplayNames(["en-GB"], { type: "region", fallback: "none" });

const UTC = { timeZone: "UTC", hourCycle: "h23" };
const dayFormat = new Intl.DateTimeFormat("en-GB", { ...UTC, day: "numeric", month: "short" });
const dayYearFormat = new Intl.DateTimeFormat("en-GB", { ...UTC, day: "numeric", month: "short", year: "numeric" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { ...UTC, hour: "2-digit", minute: "2-digit" });
const secondFormat = new Intl.DateTimeFormat("en-GB", { ...UTC, hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const number = (value) => (value == null ? "–" : integers.format(value));
export const compact = (value) => (value == null ? "–" : compacts.format(value).replace(/k$/i, "k").replace(/m$/, "M").replace(/bn$/, "G"));
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** 0.9734 → "97.3 %"; what isn't quite all is never shown as all. */
export function share(value) {
  if (value == null) return "–";
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  return `${Math.min(99.9, Math.max(0.1, percent)).toFixed(1)} %`;
}

export function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? integers.format(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds: "327 ms", "20.4 s", "5 min", "1 h 20 min", "2 d 3 h". */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds === 0) return "0 s";
  if (seconds < 1) return seconds < 0.001 ? "< 1 ms" : `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${Number(seconds.toFixed(seconds < 10 ? 2 : 1))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return seconds < 600 && seconds % 60 >= 1 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${minutes} min`;
  if (minutes < 48 * 60) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  const hours = Math.round(minutes / 60);
  return hours % 24 && hours < 240 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.round(hours / 24)} d`;
}

/** "3 min ago", of two moments in milliseconds. */
export function ago(then, now) {
  const seconds = (now - then) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  const coarse = (s) => {
    if (s < 60) return `${Math.round(s)} s`;
    if (s < 3600) return `${Math.round(s / 60)} min`;
    if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
    if (s < 120 * 86400) return `${Math.round(s / 86400)} days`;
    return s < 2 * 365 * 86400 ? `${Math.round(s / (30.44 * 86400))} months` : `${Math.round(s / (365.25 * 86400))} years`;
  };
  return seconds > 0 ? `${coarse(seconds)} ago` : `in ${coarse(-seconds)}`;
}

/** "29 Nov, 03:19", with the year where it isn't the same as `now`'s. */
export function moment(then, now = Date.now()) {
  const date = new Date(then);
  const sameYear = date.getUTCFullYear() === new Date(now).getUTCFullYear();
  return `${(sameYear ? dayFormat : dayYearFormat).format(date)}, ${minuteFormat.format(date)}`;
}

export const exact = (then) => `${dayYearFormat.format(new Date(then))}, ${secondFormat.format(new Date(then))} UTC`;
export const clock = (then) => secondFormat.format(new Date(then));
export const hourMinute = (then) => minuteFormat.format(new Date(then));
export const day = (then) => dayFormat.format(new Date(then));

/** "CN" → "China", "DE or US" → "Germany or United States"; a code that nobody knows stays itself. */
export function country(code) {
  if (!code) return "Unknown";
  if (code.includes(" or ")) return code.split(" or ").map(country).join(" or ");
  if (code === "XK") return "Kosovo";
  try {
    return regions.of(code) || code;
  } catch {
    return code;
  }
}

/** "car-park" of "Car park!", for names in addresses and exceptions. */
/** Values with commas between them; one that has a comma itself stands in quotes, as in a table: "Gate, north", car-park-*. */
export function listOf(text) {
  const parts = text.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))(?:,|$)/g);
  return [...parts].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim()).filter(Boolean);
}

/** A value as it stands in such a list. */
export const listed = (value) => (/,|^\s*"/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

export const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
