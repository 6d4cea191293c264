// Rules: what is on and what it found; and the exceptions, which keep back what is known and wanted.
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { change, useAnswer } from "../api.js";
import { number, plural } from "../format.js";
import { useQuery } from "../router.js";
import { Answer, Severity, Tabs, When, useMayChange } from "../parts/basics.js";
import { Dialogue, Outcome, WhoField, useAct, useWho } from "../parts/act.js";
import { PageHead } from "../parts/page.js";
import { Pager, Table } from "../parts/table.js";

const DEFAULTS = { tab: "rules", page: "1" };
const LIMIT = 100;

export function Rules() {
  const [state, , href] = useQuery(DEFAULTS);
  const page = Math.max(1, Number.parseInt(state.page, 10) || 1);
  const mayChange = useMayChange();
  const paged = (of) => `/${of}?offset=${(state.tab === of ? page - 1 : 0) * LIMIT}&limit=${LIMIT}`;
  const rules = useAnswer(paged("rules"));
  const suppressions = useAnswer(paged("suppressions"));
  const isRules = state.tab !== "suppressions";
  return html`<${PageHead} title="Rules">
      ${mayChange && html`<a class="button primary" href="/suppressions/new">New suppression</a>`}
    <//>
    <${Tabs} label="Rules and suppressions" current=${isRules ? "rules" : "suppressions"} href=${(changes) => href({ ...changes, page: "1" })}
      tabs=${[["rules", "Rules", rules.data?.total], ["suppressions", "Suppressions", suppressions.data?.total]]} />
    ${isRules
      ? html`<${Answer} answer=${rules} what="The rules" lines=${10}>${(data) => html`<${RuleTable} data=${data} /><${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="rule" />`}<//>`
      : html`<${Answer} answer=${suppressions} what="The suppressions">${(data) => html`<${Suppressions} data=${data} reload=${suppressions.reload} /><${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="suppression" />`}<//>`}`;
}

function RuleTable({ data }) {
  const columns = [
    { key: "name", label: "Rule", class: "wide-cell", cell: (row) => html`<span class="strong">${row.name}</span><${Asks} rule=${row} />` },
    { key: "kind", label: "Kind", rank: 1, cell: (row) => html`${row.kind.replaceAll("_", " ")}<span class="beneath">${row.built_in ? "built in" : "own"}</span>` },
    { key: "severity", label: "Severity", cell: (row) => html`<${Severity} severity=${row.severity} />` },
    { key: "firing", label: "Firing", numeric: true, cell: (row) => (row.firing > 0 ? html`<a href="/alerts?rule=${encodeURIComponent(row.name)}&state=firing">${number(row.firing)}</a>` : "0") },
    { key: "found", label: "Found since start", numeric: true, cell: (row) => number(row.found) },
    { key: "suppressed", label: "Suppressed", numeric: true, cell: (row) => (row.suppressed > 0 ? html`<a href="/alerts?rule=${encodeURIComponent(row.name)}&state=suppressed">${number(row.suppressed)}</a>` : "0") },
  ];
  return html`<${Table} caption="Rules that are on" columns=${columns} rows=${data.items} keyOf=${(row) => row.name} empty="No rule is on: nothing will be found." />`;
}

/** What a rule asks, in words and as it is written. */
function Asks({ rule }) {
  const link = rule.runbook && /^https?:/.test(rule.runbook) && html` <a href=${rule.runbook} target="_blank" rel="noreferrer">Runbook</a>`;
  const isToml = rule.summary.includes("\n") || rule.summary === rule.text.trim();
  return html`${(!isToml || link) && html`<span class="beneath">${!isToml && rule.summary}${link}</span>`}
    <details class="asks"><summary>As it is written</summary><pre tabindex="0" role="region" aria-label=${`Rule ${rule.name}`}>${rule.text.trim()}</pre></details>`;
}

function Suppressions({ data, reload }) {
  const mayChange = useMayChange();
  const [ending, setEnding] = useState(null);
  const [done, setDone] = useState(null);
  const columns = [
    { key: "name", label: "Suppression", class: "wide-cell", cell: (row) => html`<span class="strong">${row.name}</span><span class="beneath">${row.reason}</span><details class="asks"><summary>What it covers</summary><pre tabindex="0" role="region" aria-label=${`Suppression ${row.name}`}>${row.text}</pre></details>` },
    { key: "owner", label: "Owner", rank: 1, cell: (row) => html`${row.owner}<span class="beneath">${row.made ? html`made by ${row.made[0]}` : "from the configuration"}</span>` },
    { key: "until", label: "Until", numeric: true, cell: (row) => html`<${When} at=${row.until} />${row.ended && html`<span class="beneath">has ended</span>`}` },
    { key: "hidden", label: "Has hidden", numeric: true, cell: (row) => html`${plural(row.findings, "finding")}${row.last && html`<span class="beneath">last <${When} at=${row.last} brief /></span>`}` },
    ...(mayChange ? [{ key: "end", label: "End", numeric: true, cell: (row) => (row.made && !row.ended ? html`<button type="button" onClick=${() => setEnding(row)} aria-label=${`End ${row.name}`}>End</button>` : html`<span class="muted" title="It stands in the configuration">–</span>`) }] : []),
  ];
  return html`<${Outcome} done=${done} />
    <${Table} caption="Suppressions" columns=${columns} rows=${data.items} keyOf=${(row) => row.name} empty="No suppression: everything that is found is told." />
    <${EndDialogue} row=${ending} onClose=${() => setEnding(null)} onDone=${(name) => (setDone(`${name} has ended: what it hid and still holds is told again.`), reload())} />`;
}

function EndDialogue({ row, onClose, onDone }) {
  const by = useWho();
  const act = useAct();
  const end = async (event) => {
    event.preventDefault();
    const made = await act.run(() => change("DELETE", `/suppressions/${encodeURIComponent(row.name)}`, by.body));
    if (!made) return;
    onClose();
    onDone(row.name);
  };
  return html`<${Dialogue} title="End this suppression" open=${row !== null} onClose=${onClose}>
    <p>${row?.name}: what it hides and still holds will be told.</p>
    <form onSubmit=${end}>
      <${WhoField} by=${by} />
      <${Outcome} error=${act.error} />
      <div class="form-end"><button type="button" onClick=${onClose}>Cancel</button><button type="submit" class="primary" disabled=${act.busy}>End it</button></div>
    </form>
  <//>`;
}
