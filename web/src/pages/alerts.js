// Alerts: what fires, what did, and what is kept back.
import { html } from "htm/preact";
import { query, useAnswer } from "../api.js";
import { useQuery } from "../router.js";
import { Answer, Severity, StateBadge, When, stateName } from "../parts/basics.js";
import { PageHead } from "../parts/page.js";
import { Choose, Pager, Search, Table } from "../parts/table.js";

const DEFAULTS = { q: "", state: "", severity: "", rule: "", sort: "worst", order: "desc", page: "1" };
const LIMIT = 50;
const STATES = ["firing", "resolved", "suppressed", "pending"].map((value) => ({ value, name: stateName(value) }));
const SEVERITIES = ["critical", "warning", "info"].map((value) => ({ value, name: value[0].toUpperCase() + value.slice(1) }));

export const COLUMNS = [
  { key: "subject", label: "Alert", class: "wide-cell", sort: "subject", cell: (row) => html`<a href="/alerts/${row.short}">${row.subject}</a><span class="beneath">${row.summary}</span>` },
  { key: "severity", label: "Severity", sort: "severity", first: "desc", cell: (row) => html`<${Severity} severity=${row.severity} />` },
  { key: "state", label: "State", cell: (row) => html`<${StateBadge} state=${row.state} />${row.acknowledged && html`<span class="beneath">taken on by ${row.acknowledged.who}</span>`}` },
  { key: "rule", label: "Rule", sort: "rule", rank: 1, cell: (row) => row.rule },
  { key: "since", label: "Since", sort: "since", numeric: true, cell: (row) => html`<${When} at=${row.since} />${row.flaps > 0 && html`<span class="beneath">came back ${row.flaps === 1 ? "once" : `${row.flaps} times`}</span>`}` },
];

export function Alerts() {
  const [state, set, href] = useQuery(DEFAULTS);
  const page = Math.max(1, Number.parseInt(state.page, 10) || 1);
  const { page: _, ...asked } = state;
  const answer = useAnswer(`/alerts${query({ ...asked, offset: (page - 1) * LIMIT, limit: LIMIT })}`);
  const rules = useAnswer("/rules?limit=500").data?.items ?? [];
  const filter = (key) => (value) => set({ [key]: value, page: 1 });
  const isFiltered = ["q", "state", "severity", "rule"].some((key) => state[key] !== "");
  return html`<${PageHead} title="Alerts" />
    <div class="filters">
      <${Search} label="Search" value=${state.q} onSearch=${(q) => set({ q, page: 1 }, { replace: true })} placeholder="Camera, address, rule, words" />
      <${Choose} label="State" value=${state.state} options=${STATES} onChoose=${filter("state")} />
      <${Choose} label="Severity" value=${state.severity} options=${SEVERITIES} onChoose=${filter("severity")} />
      <${Choose} label="Rule" value=${state.rule} options=${rules.map((rule) => ({ value: rule.name }))} onChoose=${filter("rule")} />
      ${state.sort !== "worst" && html`<a class="button" href=${href({ sort: "worst", order: "desc", page: 1 })}>Worst first</a>`}
      ${isFiltered && html`<a class="button" href="/alerts">Clear filters</a>`}
    </div>
    <${Answer} answer=${answer} what="The list of alerts" lines=${10}>
      ${(data) => html`<${Table} caption="Alerts" columns=${COLUMNS} rows=${data.items} keyOf=${(row) => row.id} sort=${state.sort} order=${state.order}
          onSort=${(by) => set({ ...by, page: 1 })} busy=${answer.loading} empty=${isFiltered ? "No alert fits these filters." : "No alert: nothing was found yet."} />
        <${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="alert" />`}
    <//>`;
}
