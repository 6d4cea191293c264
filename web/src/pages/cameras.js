// All cameras: searched, filtered, sorted and paged by the daemon, so that thousands are as quick as ten.
import { html } from "htm/preact";
import { query, useAnswer } from "../api.js";
import { country, number, share } from "../format.js";
import { useQuery } from "../router.js";
import { Answer, Beat, Country, StateBadge, When, stateName } from "../parts/basics.js";
import { PageHead } from "../parts/page.js";
import { Choose, Pager, Search, Table } from "../parts/table.js";

const DEFAULTS = { q: "", site: "", vendor: "", kind: "", state: "", country: "", sort: "overseas_attempts", order: "desc", page: "1" };
const LIMIT = 50;

const COLUMNS = [
  { key: "camera", label: "Camera", sort: "id", cell: (row) => html`<${CameraName} camera=${row} />` },
  { key: "state", label: "State", sort: "state", cell: (row) => html`<${StateBadge} state=${row.state} />` },
  { key: "site", label: "Site", sort: "site", rank: 2, cell: (row) => row.site ?? html`<span class="muted">–</span>` },
  { key: "vendor", label: "Vendor, model", sort: "vendor", rank: 1, cell: (row) => html`${row.vendor ?? "unknown"}${row.model && html` <span class="muted">${row.model}</span>`}` },
  { key: "overseas", label: "Overseas", sort: "overseas_attempts", numeric: true, cell: (row) => number(row.overseas_attempts) },
  { key: "attempts", label: "Attempts", sort: "attempts", numeric: true, rank: 2, cell: (row) => number(row.attempts) },
  { key: "unanswered", label: "Unanswered", sort: "unanswered", numeric: true, rank: 2, cell: (row) => html`<span title=${`${number(row.unanswered)} of ${number(row.attempts)}`}>${share(row.attempts ? row.unanswered / row.attempts : null)}</span>` },
  { key: "countries", label: "Countries", rank: 1, cell: (row) => (row.countries.length ? row.countries.map((code) => html`<span key=${code} class="chip"><${Country} code=${code} brief /></span>`) : html`<span class="muted">–</span>`) },
  { key: "beat", label: "Rhythm", sort: "beat", numeric: true, cell: (row) => html`<${Beat} level=${row.beat} period=${row.beat_period_s} />` },
  { key: "last", label: "Last seen", sort: "last", numeric: true, rank: 1, cell: (row) => html`<${When} at=${row.last} brief />` },
];

export const cameraLink = (id) => `/cameras/${encodeURIComponent(id)}`;

export function CameraName({ camera }) {
  const shown = camera.name ?? camera.addresses[0] ?? camera.id;
  const beneath = [camera.name && camera.addresses[0], camera.mac ?? (camera.id !== shown ? camera.id : null)].filter(Boolean);
  return html`<a class="camera-name" href=${cameraLink(camera.id)}>${shown}</a>
    <span class="beneath mono">${beneath.join(" · ")}</span>`;
}

export function Cameras() {
  const [state, set, href] = useQuery(DEFAULTS);
  const page = Math.max(1, Number.parseInt(state.page, 10) || 1);
  const { page: _, ...asked } = state;
  const answer = useAnswer(`/cameras${query({ ...asked, offset: (page - 1) * LIMIT, limit: LIMIT })}`);
  const facets = answer.data?.facets ?? {};
  const filter = (key) => (value) => set({ [key]: value, page: 1 });
  const isFiltered = ["q", "site", "vendor", "kind", "state", "country"].some((key) => state[key] !== "");
  const named = (list, name) => (list ?? []).map((facet) => ({ ...facet, name: name(facet.value) }));
  return html`<${PageHead} title="Cameras" />
    <div class="filters">
      <${Search} label="Search" value=${state.q} onSearch=${(q) => set({ q, page: 1 }, { replace: true })} placeholder="Name, address, MAC, model, site" />
      <${Choose} label="State" value=${state.state} options=${named(facets.states, stateName)} onChoose=${filter("state")} />
      <${Choose} label="Site" value=${state.site} options=${facets.sites ?? []} onChoose=${filter("site")} />
      <${Choose} label="Vendor" value=${state.vendor} options=${facets.vendors ?? []} onChoose=${filter("vendor")} />
      <${Choose} label="Kind" value=${state.kind} options=${facets.kinds ?? []} onChoose=${filter("kind")} />
      ${state.country && html`<span class="chip chip-filter">calls ${country(state.country)} (${state.country}) <a href=${href({ country: "", page: 1 })} aria-label=${`Don't filter by ${country(state.country)}`}>×</a></span>`}
      ${isFiltered && html`<a class="button" href="/cameras">Clear filters</a>`}
    </div>
    <${Answer} answer=${answer} what="The list of cameras" lines=${14}>
      ${(data) => html`<${Table}
          caption="Cameras"
          columns=${COLUMNS}
          rows=${data.items}
          keyOf=${(row) => row.id}
          sort=${state.sort}
          order=${state.order}
          onSort=${(sort) => set({ ...sort, page: 1 })}
          busy=${answer.loading}
          empty=${isFiltered ? "No camera fits these filters." : "No camera has been seen or configured yet."}
        />
        <${Pager} page=${page} limit=${LIMIT} total=${data.total} href=${href} what="camera" />`}
    <//>`;
}
