// Attempts by the hour: bars over time, with what they say in words and as a table.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import uPlot from "uplot";
import { compact, day, exact, hourMinute, number } from "../format.js";
import { useWidth } from "./basics.js";

const HOUR_S = 3600;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Grows when light turns to dark, so that canvases are drawn anew. */
function useScheme() {
  const [scheme, setScheme] = useState(dark.matches);
  useEffect(() => {
    const turned = () => setScheme(dark.matches);
    dark.addEventListener("change", turned);
    return () => dark.removeEventListener("change", turned);
  }, []);
  return scheme;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Stacked bars. `series`: [{ key, label, colour: a custom property }], the lowest first; `rows`: [{ hour, …keys }].
 */
export function HourBars({ rows, series, summary, height = 220, tableRows, tableColumns }) {
  const [ref, width] = useWidth(800);
  const holder = useRef(null);
  const [at, setAt] = useState(null);
  const scheme = useScheme();

  useEffect(() => {
    if (!holder.current || rows.length === 0) return undefined;
    const times = rows.map((row) => Date.parse(row.hour) / 1000);
    const sums = rows.map(() => 0);
    const stacked = series.map(({ key }) => rows.map((row, place) => (sums[place] += row[key] ?? 0)));
    const stroke = colour("--muted");
    const grid = { stroke: colour("--line"), width: 1 };
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const bars = uPlot.paths.bars({ size: [0.86, 60], align: 1 });
    // Where the last hour ends there is no room for a name.
    const end = times[times.length - 1] + HOUR_S;
    const axisTimes = (_, splits) => splits.map((second, place) => (second >= end ? "" : tick(second, splits[place - 1])));
    const plot = new uPlot(
      {
        width,
        height,
        padding: [8, 8, 0, 0],
        tzDate: (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: {
          x: { range: () => [times[0], end] },
          y: { range: (_, __, most) => [0, Math.max(4, most * 1.08)] },
        },
        axes: [
          { stroke, font, grid: { show: false }, ticks: { ...grid, size: 4 }, values: axisTimes, space: 70, gap: 4 },
          { stroke, font, grid, ticks: { show: false }, values: (_, splits) => splits.map((value) => (value % 1 ? "" : compact(value))), size: 52, gap: 6 },
        ],
        // The highest sums first, so that the lower ones stand before them.
        series: [{}, ...series.map((one) => ({ label: one.label, fill: colour(one.colour), width: 0, paths: bars, points: { show: false } })).reverse()],
        hooks: { setCursor: [(u) => setAt(u.cursor.left < 0 || u.cursor.idx == null ? null : Math.floor((u.posToVal(u.cursor.left, "x") - times[0]) / HOUR_S))] },
      },
      [times, ...stacked.reverse()],
      holder.current,
    );
    return () => plot.destroy();
  }, [rows, series, width, height, scheme]);

  const shown = at != null ? rows[at] : null;
  const total = (key) => rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
  return html`<figure class="chart" ref=${ref}>
    <div class="legend" aria-hidden="true">
      ${series.map(
        (one) =>
          html`<span key=${one.key}><i class="swatch ${one.colour.slice(2)}"></i>${one.label} <b>${number(shown ? (shown[one.key] ?? 0) : total(one.key))}</b></span>`,
      )}
      <span class="muted">${shown ? `${day(shown.hour)}, ${hourMinute(shown.hour)}–${hourMinute(Date.parse(shown.hour) + 3_600_000)}` : "in all"}</span>
    </div>
    <div class="canvas" role="img" aria-label=${summary} ref=${holder}></div>
    <figcaption>${summary}</figcaption>
    <${AsTable} caption=${summary} columns=${tableColumns} rows=${tableRows ?? rows} />
  </figure>`;
}

function tick(second, before) {
  const ms = second * 1000;
  const isNewDay = before === undefined || day(ms) !== day(before * 1000);
  if (hourMinute(ms) === "00:00") return day(ms);
  return isNewDay ? `${hourMinute(ms)}\n${day(ms)}` : hourMinute(ms);
}

/** The same figures as a table, for those who would rather read them. */
export const AsTable = ({ caption, columns, rows }) =>
  html`<details class="as-table">
    <summary>Show as a table</summary>
    <div class="scroll tall" role="group" aria-label=${`Table: ${caption}`} tabindex="0">
      <table>
        <caption class="sr">${caption}</caption>
        <thead><tr>${columns.map(([label]) => html`<th scope="col" class="numeric">${label}</th>`)}</tr></thead>
        <tbody>
          ${rows.map((row, at) => html`<tr key=${at}>${columns.map(([, of]) => html`<td class="numeric">${of(row)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
  </details>`;

export const hourColumn = ["Hour (UTC)", (row) => exact(row.hour).replace(/:00 UTC$/, "")];
