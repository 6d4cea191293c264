// How camwatch itself is: what it captures and loses, what it keeps and sends, and who did what.
import { html } from "htm/preact";
import { useAnswer } from "../api.js";
import { ago, bytes, exact, number, plural, share } from "../format.js";
import { useQuery } from "../router.js";
import { Answer, Facts, Panel, Tabs, When, useNow } from "../parts/basics.js";
import { PageHead } from "../parts/page.js";
import { Pager, Table } from "../parts/table.js";

const LIMIT = 100;

export function StatusPage() {
  const [state, , href] = useQuery({ tab: "system", page: "1" });
  const isAudit = state.tab === "audit";
  return html`<${PageHead} title="Status" />
    <${Tabs} label="Status" current=${isAudit ? "audit" : "system"} href=${(changes) => href({ ...changes, page: "1" })} tabs=${[["system", "System"], ["audit", "Who did what"]]} />
    ${isAudit ? html`<${Audit} page=${Math.max(1, Number.parseInt(state.page, 10) || 1)} href=${href} />` : html`<${System} />`}`;
}

/** Well or not: as a word and a colour. */
const Health = ({ ok, good = "OK", bad = "Trouble" }) => html`<span class="badge ${ok ? "state-quiet" : "state-firing"}"><i aria-hidden="true"></i>${ok ? good : bad}</span>`;

function System() {
  const answer = useAnswer("/status");
  const now = useNow();
  return html`<${Answer} answer=${answer} what="The status" lines=${14}>
    ${(status) => html`<${Facts} class="facts-head" facts=${[
        ["camwatch", `version ${status.version}`],
        ["State", status.interfaces.length > 0 && html`<${Health} ok=${status.ready} good="Ready" bad="Not ready" />`],
        ["Started", html`<time datetime=${status.started} title=${exact(Date.parse(status.started))}>${ago(Date.parse(status.started), Date.now())}</time>`],
        ["Data until", status.now ? exact(Date.parse(status.now)) : "nothing yet"],
        ["Home", status.home.join(", ")],
        ["Rules", html`<a href="/rules">${number(status.rules)}</a>`],
        ["Coverage, 24 h", share(status.coverage_share_24h)],
        ["Lost between capture and analysis", plural(status.queue_lost_events, "event")],
      ]} />
      <${Panel} title="Capture"><${Interfaces} rows=${status.interfaces} /><//>
      <div class="columns">
        <${Panel} title="Tables"><${Tables} rows=${status.tables} /><//>
        <div>
          <${Panel} title="Store"><${Store} store=${status.store} now=${now} /><//>
          <${Panel} title="Country and owner data"><${Table} caption="Country and owner data" rows=${status.geo.sources} empty="No data: no country is known." columns=${[
            { key: "name", label: "Source", cell: (row) => html`${row.name}<span class="beneath">${row.answers?.replaceAll("_", " ")}</span>` },
            { key: "date", label: "Of", numeric: true, cell: (row) => row.date ?? "–" },
          ]} /><//>
        </div>
      </div>
      <${Panel} title="Where alerts go"><${Sinks} rows=${status.sinks} /><//>
      ${status.reports.length > 0 && html`<${Panel} title="Scheduled reports"><${Reports} rows=${status.reports} /><//>`}`}
  <//>`;
}

const lossy = (lost) => (lost > 0 ? html`<strong class="warn">${number(lost)}</strong>` : "0");

const Interfaces = ({ rows }) =>
  html`<${Table} caption="Interfaces" rows=${rows} keyOf=${(row) => row.name} empty="No interface: these pages are made from files." columns=${[
    { key: "name", label: "Interface", cell: (row) => html`<span class="mono">${row.name}</span>` },
    { key: "up", label: "State", cell: (row) => html`<${Health} ok=${row.up} good="Up" bad="Down" />` },
    { key: "packets", label: "Packets", numeric: true, cell: (row) => number(row.packets) },
    { key: "bytes", label: "Bytes", numeric: true, rank: 2, cell: (row) => bytes(row.bytes) },
    { key: "kernel", label: "Lost by the kernel", numeric: true, cell: (row) => lossy(row.lost_kernel) },
    { key: "interface", label: "Lost by the interface", numeric: true, cell: (row) => lossy(row.lost_interface) },
    { key: "undecoded", label: "Not decoded", numeric: true, rank: 2, cell: (row) => number(row.undecoded) },
  ]} />`;

const Tables = ({ rows }) =>
  html`<${Table} caption="Tables" rows=${rows} keyOf=${(row) => row.name} columns=${[
    { key: "name", label: "Table", cell: (row) => row.name.replaceAll("_", " ") },
    { key: "used", label: "Used", numeric: true, cell: (row) => number(row.used) },
    { key: "limit", label: "Room", numeric: true, cell: (row) => number(row.limit) },
    { key: "full", label: "Full", numeric: true, cell: (row) => html`<span class="meter ${row.used > row.limit * 0.9 ? "meter-full" : ""}" aria-hidden="true"><span style=${{ width: `${Math.min(100, (100 * row.used) / Math.max(1, row.limit))}%` }}></span></span><span class="percent">${share(row.limit ? row.used / row.limit : null)}</span>` },
    { key: "evicted", label: "Left out", numeric: true, cell: (row) => lossy(row.evicted) },
  ]} />`;

const Store = ({ store, now }) =>
  html`<${Facts} facts=${[
    ["State", html`<${Health} ok=${store.ok} />`],
    ["Trouble", store.trouble],
    ["Size", store.bytes == null ? "no store: state ends with the process" : bytes(store.bytes)],
    ["Oldest hour", store.oldest_hour && html`${ago(Date.parse(store.oldest_hour), now)} <span class="muted">${exact(Date.parse(store.oldest_hour))}</span>`],
  ]} />`;

const Sinks = ({ rows }) =>
  html`<${Table} caption="Where alerts go" rows=${rows} keyOf=${(row) => row.name} empty="No sink is configured: alerts are only shown here." columns=${[
    { key: "name", label: "Sink", cell: (row) => html`${row.name}<span class="beneath">${row.kind}</span>` },
    { key: "ok", label: "State", cell: (row) => html`<${Health} ok=${row.ok} />` },
    { key: "waiting", label: "Waiting", numeric: true, cell: (row) => number(row.waiting) },
    { key: "last", label: "Delivered last", numeric: true, cell: (row) => html`<${When} at=${row.last_success} />` },
    { key: "trouble", label: "Trouble", class: "wide-cell", cell: (row) => row.trouble ?? html`<span class="muted">–</span>` },
  ]} />`;

const Reports = ({ rows }) =>
  html`<${Table} caption="Scheduled reports" rows=${rows} keyOf=${(row) => row.name} columns=${[
    { key: "name", label: "Report", cell: (row) => html`${row.name}<span class="beneath">by ${row.sink}</span>` },
    { key: "ok", label: "State", cell: (row) => html`<${Health} ok=${row.ok} />` },
    { key: "last", label: "Sent last", numeric: true, cell: (row) => html`<${When} at=${row.last_success} />` },
    { key: "trouble", label: "Trouble", class: "wide-cell", cell: (row) => row.trouble ?? html`<span class="muted">–</span>` },
  ]} />`;

function Audit({ page, href }) {
  const answer = useAnswer(`/audit?offset=${(page - 1) * LIMIT}&limit=${LIMIT}`);
  return html`<${Answer} answer=${answer} what="The audit trail">
    ${(data) => html`<${Table} caption="Who did what" rows=${data.items} empty="Nobody has acknowledged or suppressed anything." columns=${[
        { key: "time", label: "When", cell: (row) => html`<${When} at=${row.time} />` },
        { key: "who", label: "Who", cell: (row) => row.who },
        { key: "what", label: "What", cell: (row) => row.what },
        { key: "details", label: "Details", class: "wide-cell", cell: (row) => row.details },
      ]} /><${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="entry" many="entries" />`}
  <//>`;
}
