// One camera: what it is and why, whom it calls and in what rhythm, what fires, and for which hours that is known.
import { html } from "htm/preact";
import { query, useAnswer } from "../api.js";
import { bytes, country, duration, listed, number, plural, share } from "../format.js";
import { useQuery } from "../router.js";
import { Answer, Beat, Country, Empty, Facts, Panel, Severity, StateBadge, Tabs, When, levelName, useMayChange } from "../parts/basics.js";
import { HourBars, hourColumn } from "../parts/chart.js";
import { CoverageGrid } from "../parts/coverage.js";
import { PageHead } from "../parts/page.js";
import { Rhythm } from "../parts/rhythm.js";
import { Choose, Pager, Search, Table } from "../parts/table.js";
import { SERIES } from "./overview.js";

const DEFAULTS = { tab: "destinations", address: "", q: "", overseas: "", country: "", sort: "attempts", order: "desc", page: "1", hours: "24" };
const LIMIT = 50;

export function Camera({ id }) {
  const path = `/cameras/${encodeURIComponent(id)}`;
  const answer = useAnswer(path);
  const [state, set, href] = useQuery(DEFAULTS);
  const camera = answer.data;
  const title = camera ? (camera.name ?? camera.addresses[0] ?? camera.id) : id;
  return html`<${PageHead} title=${title} before=${html`<a class="back" href="/cameras">Cameras</a>`} after=${camera && html`<${StateBadge} state=${camera.state} />`}>
      ${camera && html`<${SuppressLink} camera=${camera} />`}
    <//>
    <${Answer} answer=${answer} what="This camera" lines=${12}>
      ${(camera) => html`<${Summary} camera=${camera} />
        <div class="columns columns-wide">
          <${Panel} title="Attempts by the hour" aside=${html`<${Spans} state=${state} href=${href} />`}><${Hours} path=${path} hours=${state.hours} /><//>
          <${Panel} title="Coverage"><${CoverageGrid} hours=${camera.coverage} /><//>
        </div>
        <${Tabs} label="About this camera" current=${state.tab} href=${(changes) => href({ ...changes, page: "1" })}
          tabs=${[["destinations", "Destinations", camera.destinations], ["rhythm", "Rhythm"], ["identity", "Identity and addresses"], ["alerts", "Alerts", camera.alerts_about.length]]} />
        <${Part} camera=${camera} path=${path} state=${state} set=${set} href=${href} />`}
    <//>`;
}

function SuppressLink({ camera }) {
  return useMayChange() ? html`<a class="button" href="/suppressions/new${query({ cameras: listed(camera.id), from: camera.name ?? camera.id })}">Suppress alerts of it</a>` : null;
}

function Summary({ camera }) {
  return html`<${Facts} class="facts-head" facts=${[
    ["Kind", `${camera.kind}${camera.registered ? "" : ", not in the register"}`],
    ["Vendor, model", [camera.vendor, camera.model].filter(Boolean).join(" ") || "unknown"],
    ["Addresses", camera.addresses.length ? html`<span class="mono">${camera.addresses.join(", ")}</span>` : null],
    ["MAC", camera.mac && html`<span class="mono">${camera.mac}</span>`],
    ["Site", camera.site],
    ["Tags", camera.tags.length ? camera.tags.map((tag) => html`<span key=${tag} class="chip">${tag}</span>`) : null],
    ["Overseas", html`<b>${number(camera.overseas_attempts)}</b> of ${plural(camera.attempts, "attempt")}`],
    ["Unanswered", share(camera.attempts ? camera.unanswered / camera.attempts : null)],
    ["Rhythm", camera.beat && html`${levelName(camera.beat)}, every ${duration(camera.beat_period_s)}`],
    ["First seen", html`<${When} at=${camera.first} />`],
    ["Last seen", html`<${When} at=${camera.last} />`],
  ]} />`;
}

const Spans = ({ state, href }) =>
  html`<nav class="segments small" aria-label="Time span">
    ${[["24", "24 h"], ["168", "7 days"]].map(([hours, name]) => html`<a key=${hours} href=${href({ hours })} aria-current=${hours === state.hours ? "true" : undefined}>${name}</a>`)}
  </nav>`;

function Hours({ path, hours }) {
  const answer = useAnswer(`${path}/hours${query({ hours })}`);
  return html`<${Answer} answer=${answer} what="The hours">${(data) => html`<${Bars} items=${data.items} hours=${Number(hours)} />`}<//>`;
}

function Bars({ items: rows, hours }) {
  const sum = (key) => rows.reduce((all, row) => all + (row[key] ?? 0), 0);
  const summary = `${plural(sum("overseas"), "attempt")} overseas in ${plural(hours, "hour")}, ${number(sum("unknown"))} to unknown countries, ${number(sum("home"))} at home; of all ${number(sum("answered"))} were answered.`;
  return html`<${HourBars} rows=${rows} series=${SERIES} summary=${summary} height=${190} tableColumns=${[
    hourColumn,
    ["Overseas", (row) => number(row.overseas)],
    ["Unknown", (row) => number(row.unknown)],
    ["Home", (row) => number(row.home)],
    ["Answered", (row) => number(row.answered)],
    ["Unanswered", (row) => number(row.unanswered)],
    ["Refused", (row) => number(row.refused)],
    ["Sent", (row) => bytes(row.bytes_out)],
    ["Received", (row) => bytes(row.bytes_in)],
  ]} />`;
}

function Part({ camera, path, state, set, href }) {
  if (state.tab === "rhythm") return html`<${RhythmPart} ...${{ camera, path, state, set, href }} />`;
  if (state.tab === "identity") return html`<${Identity} camera=${camera} />`;
  if (state.tab === "alerts") return html`<${AlertsPart} camera=${camera} />`;
  return html`<${Destinations} ...${{ path, state, set, href }} />`;
}

const CLASSES = { home: "home", overseas: "overseas", unknown: "unknown", internal: "internal" };

function Destinations({ path, state, set, href }) {
  const page = Math.max(1, Number.parseInt(state.page, 10) || 1);
  const { q, overseas, country: code, sort, order } = state;
  const answer = useAnswer(`${path}/destinations${query({ q, overseas, country: code, sort, order, offset: (page - 1) * LIMIT, limit: LIMIT })}`);
  const columns = [
    { key: "address", label: "Destination", sort: "address", cell: (row) => html`<a class="mono" href=${href({ tab: "rhythm", address: row.address, page: "1" })} title="Its rhythm">${row.address}</a><span class="beneath">${row.names.slice(0, 2).join(", ")}${row.names.length > 2 ? ` and ${row.names.length - 2} more` : ""}</span>` },
    { key: "country", label: "Country", sort: "country", cell: (row) => html`<${Country} code=${row.country} /><span class="beneath class-${row.class}">${CLASSES[row.class] ?? row.class}</span>` },
    { key: "owner", label: "Owner", sort: "owner", rank: 1, cell: (row) => html`<span class="clip" title=${row.owner}>${row.owner ?? html`<span class="muted">unknown</span>`}</span>${row.owner_country && html`<span class="beneath">registered in ${country(row.owner_country)} (${row.owner_country})</span>`}` },
    { key: "services", label: "Services", rank: 2, cell: (row) => html`<span class="mono">${row.services.slice(0, 3).join(" ")}${row.services.length > 3 ? " …" : ""}</span>` },
    { key: "attempts", label: "Attempts", sort: "attempts", numeric: true, cell: (row) => html`${number(row.attempts)}${row.pulses > 0 && html`<span class="beneath">${plural(row.pulses, "pulse")}</span>`}` },
    { key: "outcome", label: "Answered", sort: "answered", numeric: true, rank: 1, cell: (row) => html`${share(row.attempts ? row.answered / row.attempts : null)}${row.refused > 0 && html`<span class="beneath">${number(row.refused)} refused</span>`}` },
    { key: "bytes", label: "Sent / received", sort: "bytes_out", numeric: true, rank: 2, cell: (row) => html`${bytes(row.bytes_out)} / ${bytes(row.bytes_in)}` },
    { key: "beat", label: "Rhythm", sort: "beat", numeric: true, cell: (row) => html`<${Beat} level=${row.beat?.level} period=${row.beat?.period_s} />${row.beat?.stopped && html`<span class="beneath">stopped</span>`}` },
    { key: "last", label: "Last", sort: "last", numeric: true, rank: 2, cell: (row) => html`<${When} at=${row.last} brief />` },
  ];
  const isFiltered = q || overseas || code;
  return html`<div class="filters">
      <${Search} label="Search destinations" value=${q} onSearch=${(text) => set({ q: text, page: 1 }, { replace: true })} placeholder="Address, name, owner" />
      <${Choose} label="Where" value=${overseas} options=${[{ value: "true", name: "Overseas only" }, { value: "false", name: "Not overseas" }]} all="Anywhere" onChoose=${(value) => set({ overseas: value, page: 1 })} />
      ${isFiltered && html`<a class="button" href=${href({ q: "", overseas: "", country: "", page: 1 })}>Clear filters</a>`}
    </div>
    <${Answer} answer=${answer} what="The destinations" lines=${8}>
      ${(data) => html`<${Table} caption="Destinations" columns=${columns} rows=${data.items} keyOf=${(row) => row.address} sort=${sort} order=${order} onSort=${(by) => set({ ...by, page: 1 })} busy=${answer.loading} empty=${isFiltered ? "No destination fits these filters." : "It has called nobody outside."} />
        <${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="destination" />`}
    <//>`;
}

/** The rhythm towards one destination: the one in the address, else the one that is called most. */
function RhythmPart({ path, state, set }) {
  const destinations = useAnswer(`${path}/destinations?sort=attempts&order=desc&limit=100`);
  const items = destinations.data?.items ?? [];
  const address = state.address || (items.find((row) => row.beat) ?? items[0])?.address;
  const answer = useAnswer(address ? `${path}/rhythm${query({ address })}` : null);
  if (destinations.data && !address) return html`<${Empty}>It has called nobody outside, so there is no rhythm to look at.<//>`;
  const options = items.map((row) => ({ value: row.address, name: `${row.address}${row.country ? `, ${row.country}` : ""}${row.beat ? `, every ${duration(row.beat.period_s)}` : ""}` }));
  return html`<div class="filters">
      <${Choose} label="Calls to" class="roomy" value=${address ?? ""} options=${options} all="Choose a destination" onChoose=${(value) => set({ address: value })} />
    </div>
    ${address && html`<${Answer} answer=${answer} what="The rhythm" lines=${10}>
      ${(rhythm) => html`<div class="columns columns-wide">
        <${Panel} title=${`Calls to ${rhythm.address}`} aside=${rhythm.level ? html`<span class="beat beat-${rhythm.level}">${levelName(rhythm.level)}</span>` : html`<span class="muted">no rhythm</span>`}>
          <${Rhythm} rhythm=${rhythm} />
        <//>
        <${Panel} title="Why">
          <${Facts} facts=${[["Period", rhythm.period_s && duration(rhythm.period_s)], ["Score", rhythm.score != null && html`${rhythm.score.toFixed(1)} <span class="muted">4 is faint, 6 clear, 10 strong</span>`], ["Beats kept", number(rhythm.times.length)]]} />
          <pre class="explanation" tabindex="0" role="region" aria-label="Explanation">${rhythm.explanation}</pre>
        <//>
      </div>`}
    <//>`}`;
}

function Identity({ camera }) {
  const facts = [
    { key: "fact", label: "What", cell: (row) => row.fact },
    { key: "value", label: "Value", cell: (row) => html`<span class="break">${row.value}</span>` },
    { key: "source", label: "How it is known", cell: (row) => html`${row.source}${row.certainty && html`<span class="beneath">${row.certainty}</span>`}` },
    { key: "since", label: "Since", numeric: true, cell: (row) => html`<${When} at=${row.since} missing="–" />` },
  ];
  const addresses = [
    { key: "address", label: "Address", cell: (row) => html`<span class="mono">${row.address}</span>` },
    { key: "from", label: "From", numeric: true, cell: (row) => html`<${When} at=${row.from} />` },
    { key: "to", label: "Last seen with it", numeric: true, cell: (row) => html`<${When} at=${row.to} />` },
  ];
  return html`<div class="columns columns-wide">
    <${Panel} title="Why it is taken for this device"><${Table} caption="Facts about its identity" columns=${facts} rows=${camera.identity} empty="Nothing is known but its address." /><//>
    <${Panel} title="Addresses over time"><${Table} caption="Addresses over time" columns=${addresses} rows=${camera.address_history} empty="It has not been seen yet." /><//>
  </div>`;
}

function AlertsPart({ camera }) {
  const rows = camera.alerts_about;
  const columns = [
    { key: "subject", label: "Alert", cell: (row) => html`<a href="/alerts/${row.short}">${row.subject}</a><span class="beneath">${row.summary}</span>`, class: "wide-cell" },
    { key: "severity", label: "Severity", cell: (row) => html`<${Severity} severity=${row.severity} />` },
    { key: "state", label: "State", cell: (row) => html`<${StateBadge} state=${row.state} />` },
    { key: "since", label: "Since", numeric: true, cell: (row) => html`<${When} at=${row.since} />` },
  ];
  return html`<${Table} caption="Alerts of this camera" columns=${columns} rows=${rows} keyOf=${(row) => row.id} empty="No alert names this camera." />`;
}
