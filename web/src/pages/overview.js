// The overview: how many cameras call abroad, how often, to where, and what fires.
import { html } from "htm/preact";
import { query, useAnswer } from "../api.js";
import { country, number, plural, share } from "../format.js";
import { useQuery } from "../router.js";
import { Answer, Country, Empty, Panel, Severity, When, stateName, useStatus } from "../parts/basics.js";
import { HourBars, hourColumn } from "../parts/chart.js";
import { CoverageBand } from "../parts/coverage.js";
import { WorldMap } from "../parts/map.js";
import { PageHead } from "../parts/page.js";
import { Ranked } from "../parts/ranked.js";

const SPANS = [["24", "24 h"], ["168", "7 days"], ["720", "30 days"]];

export const SERIES = [
  { key: "overseas", label: "Overseas", colour: "--c-overseas" },
  { key: "unknown", label: "Country unknown", colour: "--c-unknown" },
];

export function Overview() {
  const [state, , href] = useQuery({ hours: "24", list: "country" });
  const answer = useAnswer(`/overview${query({ hours: state.hours })}`);
  return html`<${PageHead} title="Overview">
      <nav class="segments" aria-label="Time span">
        ${SPANS.map(([hours, name]) => html`<a key=${hours} href=${href({ hours })} aria-current=${hours === state.hours ? "true" : undefined}>${name}</a>`)}
      </nav>
    <//>
    <${Answer} answer=${answer} what="The overview" lines=${12}>
      ${(data) => html`<${Content} data=${data} state=${state} href=${href} />`}
    <//>`;
}

function Content({ data, state, href }) {
  const { cameras, alerts } = data;
  const overseas = data.hours.reduce((sum, row) => sum + row.overseas, 0);
  return html`<div class="tiles">
      <${Tile} to="/cameras" value=${cameras.total} name=${cameras.recorders > 0 ? "cameras and recorders" : "cameras"} note=${cameras.recorders > 0 ? `of them ${plural(cameras.recorders, "recorder")}` : "seen"} />
      <${Tile} to="/cameras?state=firing" value=${cameras.firing} name="with an alert" tone=${cameras.firing > 0 ? "firing" : ""} note=${`${alerts.firing === 1 ? "1 alert fires" : `${number(alerts.firing)} alerts fire`}${alerts.acknowledged > 0 ? `, ${number(alerts.acknowledged)} taken on` : ""}`} />
      <${Tile} to="/cameras?state=overseas" value=${cameras.overseas} name="call overseas" tone=${cameras.overseas > 0 ? "overseas" : ""} note=${share(cameras.total ? cameras.overseas / cameras.total : null)} />
      <${Tile} to="/cameras?sort=overseas_attempts" value=${overseas} name="attempts overseas" note=${`at most ${number(Math.max(0, ...data.hours.map((row) => row.overseas)))} in an hour`} />
      <${Tile} to="/cameras?state=not_seen" value=${cameras.not_seen} name="not seen" note=${`${number(cameras.silent)} silent now`} />
      <${Tile} to="/status" value=${cameras.unregistered} name="unregistered" note="not in the register" />
    </div>
    <${States} />
    <div class="columns columns-wide">
      <${Panel} title="Attempts by the hour"><${Hours} data=${data} /><//>
      <${Panel} title="Newest alerts" aside=${html`<a href="/alerts">All alerts</a>`}>
        ${data.newest_alerts.length === 0
          ? html`<${Empty}>Nothing fires.<//>`
          : html`<ul class="alert-list">${data.newest_alerts.map((alert) => html`<${AlertLine} key=${alert.id} alert=${alert} />`)}</ul>`}
      <//>
    </div>
    <div class="columns columns-map">
      <${Panel} title="Where they call"><${Where} data=${data} /><//>
      <${Panel} title="Whom they call" aside=${html`<${Lists} state=${state} href=${href} />`}><${List} data=${data} which=${state.list} /><//>
    </div>`;
}

const Tile = ({ to, value, name, note, tone = "" }) =>
  html`<a class="tile ${tone && `tile-${tone}`}" href=${to}><b>${number(value)}</b><span>${name}</span><small>${note}</small></a>`;

/** Every camera in exactly one state, as a bar and in words. */
function States() {
  const { data } = useAnswer("/cameras?limit=1");
  const states = ["firing", "overseas", "quiet", "not_seen"];
  const counts = new Map((data?.facets?.states ?? []).map((facet) => [facet.value, facet.count]));
  const total = states.reduce((sum, state) => sum + (counts.get(state) ?? 0), 0);
  if (total === 0) return null;
  return html`<section class="states" aria-label="Cameras by state">
    <div class="states-bar" aria-hidden="true">
      ${states.map((state) => counts.get(state) > 0 && html`<i key=${state} class="fill-${state}" style=${{ flexGrow: String(counts.get(state)) }}></i>`)}
    </div>
    <ul>
      ${states.map((state) => html`<li key=${state}><a href="/cameras?state=${state}"><i class="swatch fill-${state}" aria-hidden="true"></i>${stateName(state)} <b>${number(counts.get(state) ?? 0)}</b></a></li>`)}
    </ul>
  </section>`;
}

function Hours({ data }) {
  const rows = data.hours;
  const peak = rows.reduce((most, row) => (row.overseas > most.overseas ? row : most), rows[0]);
  const sum = (key) => rows.reduce((all, row) => all + (row[key] ?? 0), 0);
  const covered = rows.filter((row) => row.observable != null);
  const lost = sum("lost_packets");
  const summary = `${number(sum("overseas"))} attempts overseas in ${plural(rows.length, "hour")}, at most ${number(peak.overseas)} in an hour; ${number(sum("unknown"))} to unknown countries, ${number(sum("home"))} at home.`;
  const observable = covered.length ? covered.reduce((all, row) => all + row.observable, 0) / covered.length : null;
  return html`<${HourBars}
      rows=${rows}
      series=${SERIES}
      summary=${summary}
      tableColumns=${[
        hourColumn,
        ["Overseas", (row) => number(row.overseas)],
        ["Unknown", (row) => number(row.unknown)],
        ["Home", (row) => number(row.home)],
        ["Observable", (row) => share(row.observable)],
        ["Packets lost", (row) => number(row.lost_packets)],
      ]}
    />
    <div class="coverage-line">
      <${CoverageBand} hours=${rows} />
      <p>
        <b>Coverage:</b> ${observable == null ? "not known yet of any whole hour" : html`${share(observable)} of cameras could be observed in the ${plural(covered.length, "whole hour")} of which it is known`}; ${lost === 0 ? "no packet was lost" : html`<strong class="warn">${plural(lost, "packet")} lost</strong>`}.
      </p>
    </div>`;
}

export const AlertLine = ({ alert }) =>
  html`<li>
    <div class="alert-line-head"><${Severity} severity=${alert.severity} /> <a href="/alerts/${alert.short}">${alert.subject}</a> <${When} at=${alert.fired ?? alert.since} brief /></div>
    <p>${alert.rule}: ${alert.summary}</p>
  </li>`;

function Where({ data }) {
  const home = useStatus()?.home ?? [];
  return html`<${WorldMap} countries=${data.countries} home=${home} />`;
}

const LISTS = [["country", "Country"], ["owner", "Owner"], ["name", "Name"]];

const Lists = ({ state, href }) =>
  html`<nav class="segments small" aria-label="Destinations by">
    ${LISTS.map(([key, name]) => html`<a key=${key} href=${href({ list: key })} aria-current=${key === state.list ? "true" : undefined}>${name}</a>`)}
  </nav>`;

function List({ data, which }) {
  const common = { value: (row) => row.attempts, valueLabel: "Attempts" };
  const cameras = ["Cameras", (row) => number(row.cameras)];
  if (which === "owner") {
    return html`<${Ranked} ...${common} caption="Destinations by owner" rows=${data.owners} nameLabel="Owner" empty="No owner is known."
      name=${(row) => html`<span class="clip">${row.owner ?? "Unknown"}</span> ${row.owner_country && html`<abbr class="code" title=${`registered in ${country(row.owner_country)}`}>${row.owner_country}</abbr>`}`}
      columns=${[cameras]} />`;
  }
  if (which === "name") {
    return html`<${Ranked} ...${common} caption="Destinations by name" rows=${data.names} nameLabel="Name" empty="No name was asked for or said."
      name=${(row) => html`<span class="mono clip">${row.name}</span>`} columns=${[cameras]} />`;
  }
  return html`<${Ranked} ...${common} caption="Destinations by country" rows=${data.countries} nameLabel="Country" empty="Nobody was called."
    name=${(row) => (row.country ? html`<a href="/cameras?country=${row.country}"><${Country} code=${row.country} /></a>${!row.overseas && html` <span class="muted">home</span>`}` : html`<${Country} />`)}
    columns=${[["Answered", (row) => number(row.answered), "rank-1"], cameras]} />`;
}
