// A new suppression: what is known and wanted, for a reason, by somebody, until a day. What it would hide is shown first.
import { useEffect, useMemo, useState } from "preact/hooks";
import { html } from "htm/preact";
import { change } from "../api.js";
import { listOf, plural, slug } from "../format.js";
import { navigate, useQuery } from "../router.js";
import { Loading, Panel, Severity, StateBadge, useMayChange, useMe, useNow, useRested } from "../parts/basics.js";
import { Field, Outcome, WhoField, useAct, useWho } from "../parts/act.js";
import { PageHead } from "../parts/page.js";
import { Table } from "../parts/table.js";

/** What it covers: lists of patterns; all that are given must fit. */
const COVERS = [
  ["rules", "Rules", "overseas-*"],
  ["cameras", "Cameras", "car-park-*, 44:19:b6:10:00:01"],
  ["sites", "Sites", "town hall"],
  ["addresses", "Destination addresses", "120.26.96.0/24"],
  ["names", "Destination names", "*.hik-connect.com"],
  ["countries", "Countries", "CN, HK"],
  ["owners", "Owners", "AS37963 *"],
];
const DEFAULTS = { from: "", name: "", reason: "", owner: "", until: "", ...Object.fromEntries(COVERS.map(([key]) => [key, ""])) };

/** A text as TOML writes it: as JSON does, but for DEL. */
const quoted = (text) => JSON.stringify(text).replaceAll("\u007f", "\\u007f");
/** The names of owners have commas: unless in quotes, what is written is one. */
const valuesOf = (key, text) => (key === "owners" && !text.includes('"') ? [text.trim()].filter(Boolean) : listOf(text));
/** Whether nothing but rules narrows it. */
const isWide = (state) => COVERS.every(([key]) => (valuesOf(key, state[key]).length > 0) === (key === "rules"));

/** The keys of a `[[suppression]]`. */
function toml(state, name) {
  const lines = [["name", quoted(name)], ["reason", quoted(state.reason.trim())], ["owner", quoted(state.owner.trim())], ["until", quoted(state.until)]];
  for (const [key] of COVERS) {
    const values = valuesOf(key, state[key]);
    if (values.length > 0) lines.push([key, `[${values.map(quoted).join(", ")}]`]);
  }
  return lines.map(([key, value]) => `${key} = ${value}`).join("\n");
}

export function NewSuppression() {
  const mayChange = useMayChange();
  const me = useMe();
  // Nothing is asked for a viewer that would be refused.
  if (!me) return html`<${PageHead} title="New suppression" /><${Loading} lines=${8} />`;
  if (!mayChange) {
    return html`<${PageHead} title="New suppression" before=${html`<a class="back" href="/rules?tab=suppressions">Suppressions</a>`} />
      <p class="notice">You may look, but not suppress: that takes an operator.</p>`;
  }
  return html`<${Form} />`;
}

function Form() {
  const now = useNow();
  const [state, set] = useQuery(DEFAULTS);
  const [fields, setFields] = useState(() => ({ ...state, until: state.until || new Date(now + 30 * 86_400_000).toISOString().slice(0, 10) }));
  const by = useWho();
  const act = useAct();
  const name = fields.name.trim() || slug(`${listOf(fields.rules)[0] ?? "exception"} ${fields.from || listOf(fields.cameras)[0] || listOf(fields.sites)[0] || ""}`);
  const input = (key) => (value) => setFields((old) => ({ ...old, [key]: value }));

  // What is typed goes into the address when it rests, so that a colleague can be asked to look at it.
  const rested = useRested(fields, 500);
  useEffect(() => set(rested, { replace: true }), [rested]);

  const text = useMemo(() => toml(fields, name), [fields, name]);
  const send = async (event) => {
    event.preventDefault();
    const made = await act.run(() => change("POST", "/suppressions", { ...by.body, text }));
    if (made) navigate("/rules?tab=suppressions");
  };
  const isComplete = fields.reason.trim() && fields.owner.trim() && fields.until;

  return html`<${PageHead} title="New suppression" before=${html`<a class="back" href="/rules?tab=suppressions">Suppressions</a>`} />
    <div class="columns columns-form">
      <${Panel} title="What it says">
        <form onSubmit=${send}>
          <fieldset>
            <legend>What it covers <span class="muted">all that is filled in must fit; several values with commas, in quotes what has a comma itself, patterns with *</span></legend>
            ${COVERS.map(([key, label, example]) => html`<${Field} key=${key} label=${label} value=${fields[key]} onInput=${input(key)} placeholder=${example} spellcheck=${false} />`)}
            <div role="status" class="span">${isWide(fields) && html`<p class="notice">Only rules are given: it covers every camera and every destination of these rules.</p>`}</div>
          </fieldset>
          <fieldset>
            <legend>Why, who, how long</legend>
            <${Field} label="Reason" class="span" value=${fields.reason} onInput=${input("reason")} required placeholder="trial of the vendor's app, change 4711" />
            <${Field} label="Owner" value=${fields.owner} onInput=${input("owner")} required hint="Who answers for it" placeholder="networks@council.example" />
            <${Field} label="Until" type="date" value=${fields.until} onInput=${input("until")} required hint="The last day on which it holds (UTC)" />
            <${Field} label="Name" value=${fields.name} onInput=${input("name")} placeholder=${name} hint="By which it is listed and ended" spellcheck=${false} />
            <${WhoField} by=${by} />
          </fieldset>
          <${Outcome} error=${act.error} />
          <div class="form-end"><a class="button" href="/rules?tab=suppressions">Cancel</a><button type="submit" class="primary" disabled=${act.busy || !isComplete}>Suppress</button></div>
        </form>
      <//>
      <div><${Preview} text=${text} isComplete=${Boolean(isComplete)} placeholderText=${isComplete ? text : withPlaceholders(fields, name)} /></div>
    </div>`;
}

/** So that what it would hide can be seen before anybody has written why. */
const withPlaceholders = (fields, name) => toml({ ...fields, reason: fields.reason.trim() || "to be written", owner: fields.owner.trim() || "to be written" }, name);

function Preview({ text, isComplete, placeholderText }) {
  const rested = useRested(placeholderText, 400);
  const [seen, setSeen] = useState({ preview: null, error: null });
  useEffect(() => {
    let isWanted = true;
    change("POST", "/suppressions/preview", { text: rested }).then(
      (preview) => isWanted && setSeen({ preview, error: null }),
      (error) => isWanted && setSeen({ preview: null, error }),
    );
    return () => (isWanted = false);
  }, [rested]);
  const { preview, error } = seen;
  return html`<${Panel} title="What it would hide">
    <div role="status" class="preview">
      ${error && html`<p class="notice notice-bad">${error.message}</p>`}
      ${preview?.problem && html`<p class="notice notice-bad preformatted">${preview.problem}</p>`}
      ${preview && !preview.problem && html`<p class="preview-line"><b>${plural(preview.would_hide.length, "alert")}</b> that ${preview.would_hide.length === 1 ? "is" : "are"} there now, of <b>${plural(preview.cameras, "camera")}</b> and <b>${plural(preview.destinations, "destination")}</b></p>`}
      ${!preview && !error && html`<p class="muted">Looking …</p>`}
    </div>
    ${preview && preview.would_hide.length > 0 && html`<${Table} caption="Alerts that it would hide" rows=${preview.would_hide} keyOf=${(row) => row.id} columns=${[
      { key: "subject", label: "Alert", class: "wide-cell", cell: (row) => html`<a href="/alerts/${row.short}">${row.subject}</a><span class="beneath">${row.rule}</span>` },
      { key: "severity", label: "Severity", cell: (row) => html`<${Severity} severity=${row.severity} />` },
      { key: "state", label: "State", cell: (row) => html`<${StateBadge} state=${row.state} />` },
    ]} />`}
    <details class="as-table"><summary>As it stands in a configuration</summary><pre class="explanation">[[suppression]]${"\n"}${text}</pre></details>
    ${!isComplete && html`<p class="muted">It can be made once it has a reason, an owner and an end.</p>`}
  <//>`;
}
