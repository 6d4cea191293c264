// For which hours it is known what a camera did: a silence is only a silence where there was coverage.
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { day, exact, hourMinute, plural } from "../format.js";
import { useWidth } from "./basics.js";
import { AsTable } from "./chart.js";

const KINDS = {
  observed: ["observed", "It was seen", ""],
  silent: ["silent", "Its network was seen, it was not", "–"],
  "capture-down": ["down", "The capture was down", ""],
  loss: ["loss", "Too many packets were lost", "×"],
  "network-unseen": ["unseen", "Its network was not seen here", "?"],
};

const known = (key) => KINDS[key] ?? ["unseen", key, "?"];

/** Days below each other, hours from left to right. */
export function CoverageGrid({ hours }) {
  const [shown, setShown] = useState(null);
  const [ref, width] = useWidth(380);
  if (hours.length === 0) return html`<p class="empty" ref=${ref}>No hour has been kept of it.</p>`;
  const days = new Map();
  for (const row of hours) {
    const key = row.hour.slice(0, 10);
    if (!days.has(key)) days.set(key, []);
    days.get(key).push(row);
  }
  const counts = new Map();
  for (const { observed } of hours) counts.set(observed, (counts.get(observed) ?? 0) + 1);
  const words = [...counts].map(([key, count]) => `${known(key)[1].toLowerCase()}: ${plural(count, "hour")}`).join("; ");
  const [LEFT, ROW, TOP] = [48, 19, 18];
  const CELL = Math.min(26, (width - LEFT) / 24);
  const height = days.size * ROW + TOP;
  return html`<figure class="coverage" ref=${ref}>
    <svg width=${LEFT + 24 * CELL} height=${height} viewBox="0 0 ${LEFT + 24 * CELL} ${height}" role="img" aria-label=${`Coverage by the hour. ${words}.`}>
      ${[0, 6, 12, 18].map((hour) => html`<text key=${hour} x=${LEFT + hour * CELL} y="11">${String(hour).padStart(2, "0")}:00</text>`)}
      ${[...days].map(
        ([key, rows], line) =>
          html`<g key=${key} transform="translate(0 ${TOP + line * ROW})">
            <text x="0" y="13">${day(`${key}T00:00:00Z`)}</text>
            ${rows.map(
              (row) => {
                const [kind, , glyph] = known(row.observed);
                const x = LEFT + new Date(row.hour).getUTCHours() * CELL;
                return html`<g key=${row.hour} onMouseEnter=${() => setShown(row)} onMouseLeave=${() => setShown(null)}>
                  <rect x=${x} y="1" width=${CELL - 1.5} height=${ROW - 3} rx="2" class="cover-${kind}" />
                  ${glyph && html`<text class="cover-glyph" x=${x + (CELL - 1.5) / 2} y=${ROW - 6} text-anchor="middle">${glyph}</text>`}
                </g>`;
              },
            )}
          </g>`,
      )}
    </svg>
    <figcaption class="legend">
      ${[...counts].map(
        ([key, count]) => html`<span key=${key}><i class="swatch cover-${known(key)[0]}"></i>${known(key)[2]} ${known(key)[1]}: <b>${plural(count, "hour")}</b></span>`,
      )}
      <span class="muted" aria-hidden="true">${shown ? `${day(shown.hour)}, ${hourMinute(shown.hour)}: ${known(shown.observed)[1].toLowerCase()}` : ""}</span>
    </figcaption>
    <${AsTable} caption="Coverage by the hour" columns=${[["Hour (UTC)", (row) => exact(row.hour)], ["Coverage", (row) => known(row.observed)[1]]]} rows=${hours} />
  </figure>`;
}

/** The share of cameras that could be observed, hour by hour, under a chart of the same hours. */
export function CoverageBand({ hours }) {
  const kindOf = (row) => {
    if (row.observable == null) return "unseen";
    if (row.observable === 0) return "down";
    if (row.observable < 0.9) return "loss";
    return "observed";
  };
  return html`<div class="band" aria-hidden="true">
    ${hours.map((row) => html`<i key=${row.hour} class="cover-${kindOf(row)} ${row.lost_packets > 0 ? "lossy" : ""}"></i>`)}
  </div>`;
}
