// A rhythm as a picture: the beats on a time line, the gap before each, and how the gaps are spread, with the period marked.
import { html } from "htm/preact";
import { clock, duration, exact, plural } from "../format.js";
import { useWidth } from "./basics.js";
import { AsTable } from "./chart.js";

const PAD = { left: 56, right: 14 };

/** Steps that people count in, so that about `count` of them span `span`. */
function niceStep(span, count) {
  const rough = span / count;
  const sizes = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  if (rough >= 1) return sizes.find((size) => size >= rough) ?? Math.ceil(rough / 86400) * 86400;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((part) => part * power).find((size) => size >= rough);
}

function ticks(from, to, count) {
  const step = niceStep(to - from || 1, count);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to + step * 1e-6; at += step) found.push(at);
  return [found, step];
}

export function Rhythm({ rhythm }) {
  const [ref, width] = useWidth(700);
  const times = rhythm.times.map((time) => Date.parse(time) / 1000);
  const gaps = rhythm.gaps.length ? rhythm.gaps : times.slice(1).map((time, at) => time - times[at]);
  const period = rhythm.period_s;
  const summary = period
    ? `${plural(times.length, "beat")} kept, one every ${duration(period)}.`
    : `${plural(times.length, "beat")} kept; no period fits them.`;
  return html`<div class="rhythm" ref=${ref}>
    ${times.length > 1
      ? html`<${TimeLine} ...${{ times, period, width, summary }} />
          <${GapDots} ...${{ times, gaps, period, width }} />`
      : html`<p class="empty">Too few beats to draw a time line.</p>`}
    ${rhythm.histogram.length > 0 && html`<${Histogram} ...${{ bins: rhythm.histogram, period, width }} />`}
    <${AsTable}
      caption="Beats and gaps"
      columns=${[["Beat (UTC)", (row) => exact(row.time)], ["Gap before it", (row) => (row.gap == null ? "–" : duration(row.gap))]]}
      rows=${times.map((time, at) => ({ time: time * 1000, gap: at === 0 ? null : gaps[at - 1 + gaps.length - (times.length - 1)] }))}
    />
  </div>`;
}

/** Each beat a stroke; where the period is wide enough to see, faint lines show where beats would fall by it. */
function TimeLine({ times, period, width, summary }) {
  const [first, last] = [times[0], times[times.length - 1]];
  const span = Math.max(last - first, 1e-3);
  const x = (time) => PAD.left + ((time - first) / span) * (width - PAD.left - PAD.right);
  const expected = [];
  if (period && (period / span) * width > 5) for (let at = last; at >= first - 1e-9; at -= period) expected.push(at);
  const [marks] = ticks(0, span, Math.max(2, Math.floor(width / 120)));
  return html`<figure>
    <figcaption>Beats on a time line <span class="muted">from ${clock(first * 1000)} to ${clock(last * 1000)} UTC</span></figcaption>
    <svg width=${width} height="74" viewBox="0 0 ${width} 74" role="img" aria-label=${`Time line. ${summary}`}>
      ${expected.map((time, at) => html`<line key=${at} class="expected" x1=${x(time)} x2=${x(time)} y1="2" y2="50" />`)}
      <line class="axis" x1=${PAD.left} x2=${width - PAD.right} y1="50" y2="50" />
      ${times.map((time, at) => html`<line key=${at} class="beat-mark" x1=${x(time)} x2=${x(time)} y1="12" y2="50" />`)}
      ${marks.map((at) => html`<text key=${at} x=${x(first + at)} y="67" text-anchor=${at === 0 ? "start" : "middle"}>+${duration(at)}</text>`)}
    </svg>
  </figure>`;
}

/** A regular rhythm is a flat line of dots. */
function GapDots({ times, gaps, period, width }) {
  const kept = gaps.slice(-(times.length - 1));
  const most = Math.max(...kept, (period ?? 0) * 1.5, 1e-3) * 1.05;
  const height = 130;
  const y = (gap) => height - 22 - (gap / most) * (height - 34);
  const x = (at) => PAD.left + (kept.length > 1 ? at / (kept.length - 1) : 0.5) * (width - PAD.left - PAD.right);
  const [marks] = ticks(0, most, 3);
  return html`<figure>
    <figcaption>The gap before each beat <span class="muted">a steady rhythm is a level line</span></figcaption>
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${`Gaps between beats, from ${duration(Math.min(...kept))} to ${duration(Math.max(...kept))}.`}>
      ${marks.map((gap) => html`<g key=${gap}><line class="grid" x1=${PAD.left} x2=${width - PAD.right} y1=${y(gap)} y2=${y(gap)} /><text x=${PAD.left - 8} y=${y(gap) + 4} text-anchor="end">${duration(gap)}</text></g>`)}
      ${period && html`<line class="period" x1=${PAD.left} x2=${width - PAD.right} y1=${y(period)} y2=${y(period)} />`}
      ${kept.map((gap, at) => html`<circle key=${at} class="gap-dot" cx=${x(at)} cy=${y(gap)} r=${kept.length > 200 ? 1.5 : 3} />`)}
      <text x=${PAD.left} y=${height - 4}>first gap kept</text>
      <text x=${width - PAD.right} y=${height - 4} text-anchor="end">last</text>
    </svg>
  </figure>`;
}

function Histogram({ bins, period, width }) {
  const height = 170;
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const [from, to] = [bins[0].from_s, bins[bins.length - 1].to_s];
  const inner = width - PAD.left - PAD.right;
  // Bins may widen with the gap: each has the same room, and the period stands where it falls within its bin.
  const room = Math.min(inner / bins.length, 110);
  const at = period == null ? -1 : bins.findIndex((bin) => period >= bin.from_s && period <= bin.to_s);
  const within = at < 0 ? 0 : (period - bins[at].from_s) / (bins[at].to_s - bins[at].from_s || 1);
  const mark = PAD.left + (at + within) * room;
  const y = (count) => height - 24 - (count / most) * (height - 56);
  const every = Math.max(1, Math.ceil(72 / room));
  const summary = `Histogram of gaps from ${duration(from)} to ${duration(to)}${period ? `, period ${duration(period)}` : ""}.`;
  return html`<figure>
    <figcaption>How the gaps are spread ${period && html`<span class="muted">the period is marked</span>`}</figcaption>
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${summary}>
      ${bins.map(
        (bin, place) =>
          html`<g key=${place}>
            <rect class="histogram-bar ${place === at ? "marked" : ""}" x=${PAD.left + place * room + 1} width=${Math.max(1, room - 2)} y=${y(bin.count)} height=${height - 24 - y(bin.count)} rx="1.5" />
            ${room > 22 && bin.count > 0 && html`<text class="small" x=${PAD.left + place * room + 1 + Math.max(1, room - 2) / 2} y=${y(bin.count) - 4} text-anchor="middle">${bin.count}</text>`}
            ${place % every === 0 && html`<text x=${PAD.left + place * room} y=${height - 7}>${duration(bin.from_s)}</text>`}
          </g>`,
      )}
      <line class="axis" x1=${PAD.left} x2=${PAD.left + room * bins.length} y1=${height - 24} y2=${height - 24} />
      ${at >= 0 &&
      html`<line class="period" x1=${mark} x2=${mark} y1="18" y2=${height - 24} />
        <text class="period-name" x=${mark + (mark > width * 0.7 ? -5 : 5)} y="14" text-anchor=${mark > width * 0.7 ? "end" : "start"}>every ${duration(period)}</text>`}
    </svg>
  </figure>`;
}
