// One alert: why, of whom, what was told, and what is to be done with it.
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { change, query, useAnswer } from "../api.js";
import { country, duration, listed, number, plural } from "../format.js";
import { Answer, Country, Facts, Panel, Severity, StateBadge, When, useMayChange } from "../parts/basics.js";
import { Dialogue, Field, Outcome, WhoField, useAct, useWho } from "../parts/act.js";
import { PageHead } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { cameraLink } from "./cameras.js";

export function AlertPage({ id }) {
  const answer = useAnswer(`/alerts/${encodeURIComponent(id)}`);
  const [done, setDone] = useState(null);
  const alert = answer.data;
  return html`<${PageHead} title=${alert?.subject ?? id} before=${html`<a class="back" href="/alerts">Alerts</a>`}
      after=${alert && html`<${Severity} severity=${alert.severity} /> <${StateBadge} state=${alert.state} />`}>
      ${alert && html`<${Actions} alert=${alert} onDone=${(text) => (setDone(text), answer.reload())} />`}
    <//>
    <${Outcome} done=${done} />
    <${Answer} answer=${answer} what="This alert" lines=${10}>${(alert) => html`<${Content} alert=${alert} />`}<//>`;
}

function Actions({ alert, onDone }) {
  const mayChange = useMayChange();
  const [open, setOpen] = useState(false);
  if (!mayChange) return null;
  const evidence = alert.evidence ?? {};
  const members = evidence.members ?? [];
  const one = members.length === 1 ? (members[0].evidence?.camera?.id ?? members[0].subject) : null;
  const suppress = query({ rules: alert.rule, cameras: one && listed(one), addresses: evidence.destination, names: evidence.name,
    owners: evidence.owner, countries: evidence.country, sites: evidence.site && listed(evidence.site), from: alert.subject });
  return html`${alert.state === "firing" && !alert.acknowledged && html`<button type="button" class="primary" onClick=${() => setOpen(true)}>Acknowledge</button>`}
    ${alert.state !== "suppressed" && html`<a class="button" href="/suppressions/new${suppress}">Suppress</a>`}
    ${alert.runbook && /^https?:/.test(alert.runbook) && html`<a class="button" href=${alert.runbook} target="_blank" rel="noreferrer">Runbook</a>`}
    <${AcknowledgeDialogue} alert=${alert} open=${open} onClose=${() => setOpen(false)} onDone=${onDone} />`;
}

function AcknowledgeDialogue({ alert, open, onClose, onDone }) {
  const by = useWho();
  const [note, setNote] = useState("");
  const act = useAct();
  const send = async (event) => {
    event.preventDefault();
    const made = await act.run(() => change("POST", `/alerts/${encodeURIComponent(alert.id)}/acknowledgement`, { ...by.body, note: note.trim() }));
    if (!made) return;
    onClose();
    setNote("");
    onDone("Acknowledged: it stays open, and is told again only when it ends or becomes worse.");
  };
  return html`<${Dialogue} title="Acknowledge this alert" open=${open} onClose=${onClose}>
    <p>You say that you have taken it on: ${alert.subject}</p>
    <form onSubmit=${send}>
      <${WhoField} by=${by} />
      <${Field} label="Note" value=${note} onInput=${setNote} rows=${3} maxlength="4000" hint="What you know or do. It goes into every further message of this alert." />
      <${Outcome} error=${act.error} />
      <div class="form-end">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${act.busy}>Acknowledge</button>
      </div>
    </form>
  <//>`;
}

function Content({ alert }) {
  const evidence = alert.evidence ?? {};
  const pair = onePair(evidence);
  const taken = alert.acknowledged;
  return html`<p class="lead">${alert.summary}</p>
    ${taken && html`<p class="notice">Taken on by <b>${taken.who}</b>, <${When} at=${taken.at} />${taken.note && html`: ${taken.note}`}</p>`}
    ${alert.suppressed_by?.length > 0 && html`<p class="notice">Kept back by ${alert.suppressed_by.join(", ")}: see <a href="/rules?tab=suppressions">suppressions</a>.</p>`}
    <${Facts} class="facts-head" facts=${[
      ["Rule", html`<a href="/rules">${alert.rule}</a>`],
      ["Since", html`<${When} at=${alert.since} />`],
      ["Fired", alert.fired && html`<${When} at=${alert.fired} />`],
      ["Resolved", alert.resolved && html`<${When} at=${alert.resolved} />`],
      ["Came back", alert.flaps > 0 && plural(alert.flaps, "time")],
      ["Destination", evidence.destination && html`<span class="mono">${text(evidence.destination)}</span>`],
      ["Name", evidence.name && text(evidence.name)],
      ["Country", (evidence.country ?? pair?.country) && html`<${Country} code=${text(evidence.country ?? pair.country)} />`],
      ["Owner", (evidence.owner ?? pair?.owner) && text(evidence.owner ?? pair.owner)],
      ["Services", pair?.services?.join(", ")],
      ["Claims to be", Object.values(alert.ptr_claims ?? {}).join(", ")],
      ["Short id", html`<span class="mono">${alert.short}</span>`],
    ]} />
    <div class="columns columns-wide">
      <div>
        <${Members} evidence=${evidence} />
        ${evidence.also?.length > 0 && html`<${Also} also=${evidence.also} />`}
      </div>
      <div>
        <${Threshold} rule=${evidence.rule} />
        <${History} history=${alert.history ?? []} />
      </div>
    </div>
    <details class="as-table"><summary>All of the evidence, as JSON</summary>
      <pre class="explanation tall" tabindex="0" role="region" aria-label="Evidence as JSON">${JSON.stringify(evidence, null, 2)}</pre>
    </details>`;
}

/** What is the same of all members is said once, above them. */
function onePair(evidence) {
  const pairs = (evidence.members ?? []).map((member) => member.evidence?.pair);
  return pairs.length > 0 && pairs.every((pair) => pair && pair.address === pairs[0]?.address) ? pairs[0] : null;
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** A measure's key in words, and its value in its unit: `window_s: 900` is "window: 15 min". */
function measure([key, value]) {
  if (key.endsWith("_s") && typeof value === "number") return [words(key.slice(0, -2)), duration(value)];
  if (value && typeof value === "object" && !Array.isArray(value)) return [words(key), Object.entries(value).map((entry) => measure(entry).join(" ")).join(", ")];
  if (typeof value === "number") return [words(key), Number.isInteger(value) ? number(value) : value.toFixed(2)];
  return [words(key), Array.isArray(value) ? value.map(text).join(", ") : text(value)];
}
const words = (key) => key.replaceAll("_", " ");

function Threshold({ rule }) {
  if (!rule) return null;
  const rows = (of) => Object.entries(of ?? {}).filter(([, value]) => value !== null).map(measure);
  return html`<${Panel} title="Declared and measured">
    <${Facts} facts=${[["Rule", `${rule.name} (${words(rule.kind ?? "")})`], ...rows(rule.threshold), ...rows(rule.measured).map(([key, value]) => [`measured ${key}`, html`<b>${value}</b>`])]} />
  <//>`;
}

/** So many are shown before somebody asks for all. */
const FIRST = 12;

function Members({ evidence }) {
  const [isWhole, setWhole] = useState(false);
  const members = evidence.members ?? [];
  const isOne = onePair(evidence) !== null;
  if (members.length === 0) return null;
  const of = (member) => ({ camera: member.evidence?.camera ?? member.camera ?? { id: member.subject }, pair: member.evidence?.pair, ...member });
  // Where a rule counts cameras, none of them is worse than another.
  const differ = members.some((member) => member.value !== members[0].value);
  const columns = [
    { key: "camera", label: "Camera", cell: (row) => html`<a href=${cameraLink(row.camera.id)}>${row.camera.name ?? row.camera.addresses?.[0] ?? row.subject}</a><span class="beneath">${[row.camera.site, row.camera.vendor, row.camera.model].filter(Boolean).join(", ")}</span>` },
    differ && { key: "value", label: "Measured", numeric: true, cell: (row) => (row.value == null ? "–" : Number.isInteger(row.value) ? number(row.value) : row.value.toFixed(1)) },
    !isOne && { key: "to", label: "Called", cell: (row) => (row.pair ? html`<span class="mono">${row.pair.address}</span><span class="beneath">${[row.pair.country && country(row.pair.country), row.pair.owner].filter(Boolean).join(", ")}</span>` : html`<span class="muted">–</span>`) },
    { key: "attempts", label: "Attempts", numeric: true, cell: (row) => html`${number(row.pair?.attempts)}<span class="beneath">${row.pair?.outcome}</span>` },
    { key: "rhythm", label: "Rhythm", rank: 1, cell: (row) => row.evidence?.rhythm ?? html`<span class="muted">–</span>` },
    { key: "since", label: "Since", numeric: true, rank: 2, cell: (row) => html`<${When} at=${row.since} brief missing="–" />` },
    { key: "holds", label: "Holds", rank: 1, cell: (row) => (row.holds === false ? "no longer" : "yes") },
  ].filter(Boolean);
  const count = evidence.count ?? members.length;
  return html`<${Panel} title=${`Whom it is about: ${plural(count, "camera")}`}>
    <${Table} caption="Whom it is about" columns=${columns} rows=${(isWhole ? members : members.slice(0, FIRST)).map(of)} keyOf=${(row) => row.subject} />
    ${!isWhole && members.length > FIRST && html`<p class="more"><button type="button" onClick=${() => setWhole(true)}>Show all ${number(members.length)}</button></p>`}
    ${count > members.length && html`<p class="muted more">Of ${number(count)} cameras, the ${number(members.length)} with the largest values are listed.</p>`}
  <//>`;
}

const Also = ({ also }) =>
  html`<${Panel} title="Found by other rules too">
    <${Table} caption="Found by other rules too" rows=${also} keyOf=${(row) => row.rule} columns=${[
      { key: "rule", label: "Rule", cell: (row) => row.rule },
      { key: "severity", label: "Severity", cell: (row) => html`<${Severity} severity=${row.severity} />` },
      { key: "members", label: "Cameras", numeric: true, cell: (row) => number(row.members) },
      { key: "reason", label: "Why", class: "wide-cell", cell: (row) => row.reason },
    ]} />
  <//>`;

const EVENTS = { firing: "Began to fire", update: "Told again", acknowledged: "Acknowledged", resolved: "Resolved" };

const History = ({ history }) =>
  html`<${Panel} title="What was told of it">
    ${history.length === 0
      ? html`<p class="empty">Nothing is kept of what was told; that needs a store.</p>`
      : html`<ol class="history">
          ${history.map((told) => html`<li key=${told.key ?? told.seq}><div><b>${EVENTS[told.event] ?? told.event}</b> <${When} at=${told.time} /></div><p>${told.summary}</p></li>`)}
        </ol>`}
  <//>`;
