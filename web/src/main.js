// The pages' beginning: the frame around them, which of them is shown, and where the keyboard stands after a change.
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { html } from "htm/preact";
import { useAnswer } from "./api.js";
import * as format from "./format.js";
import { start, useLink } from "./live.js";
import { useLocation } from "./router.js";
import { Shared } from "./parts/basics.js";
import { Overview } from "./pages/overview.js";
import { Cameras } from "./pages/cameras.js";
import { Camera } from "./pages/camera.js";
import { Alerts } from "./pages/alerts.js";
import { AlertPage } from "./pages/alert.js";
import { Rules } from "./pages/rules.js";
import { NewSuppression } from "./pages/suppression.js";
import { StatusPage } from "./pages/status.js";

const PAGES = [
  [/^\/$/, Overview],
  [/^\/cameras\/?$/, Cameras],
  [/^\/cameras\/([^/]+)$/, Camera],
  [/^\/alerts\/?$/, Alerts],
  [/^\/alerts\/([^/]+)$/, AlertPage],
  [/^\/rules\/?$/, Rules],
  [/^\/suppressions\/new$/, NewSuppression],
  [/^\/status\/?$/, StatusPage],
];

const MENU = [
  ["/", "Overview"],
  ["/cameras", "Cameras"],
  ["/alerts", "Alerts"],
  ["/rules", "Rules"],
  ["/status", "Status"],
];

function App() {
  const { path } = useLocation();
  const me = useAnswer("/me");
  const status = useAnswer("/status");
  const main = useRef(null);
  const seen = useRef(path);

  // Who uses a keyboard or a screen reader begins a new page at its heading.
  useEffect(() => {
    if (seen.current === path) return;
    seen.current = path;
    main.current?.querySelector("h1")?.focus({ preventScroll: true });
  }, [path]);

  const [page, parts] = find(path);
  const trouble = status.error ?? me.error;
  return html`<${Shared.Provider} value=${{ me: me.data, status: status.data }}>
    <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current.querySelector("h1")?.focus())}>Skip to the content</a>
    <${Head} path=${path} me=${me.data} status=${status.data} />
    <main id="main" ref=${main}>
      ${trouble && html`<p class="notice notice-bad" role="alert">${trouble.message} <button type="button" onClick=${() => (status.reload(), me.reload())}>Try again</button></p>`}
      ${page ? html`<${page} key=${path} ...${parts} />` : html`<${NotFound} />`}
    </main>
  <//>`;
}

function find(path) {
  for (const [pattern, page] of PAGES) {
    const match = path.match(pattern);
    if (match) return [page, match[1] === undefined ? {} : { id: decode(match[1]) }];
  }
  return [null, {}];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function Head({ path, me, status }) {
  const firing = useAnswer("/alerts?state=firing&limit=1");
  const isAt = (to) => (to === "/" ? path === "/" : path.startsWith(to) || (to === "/rules" && path.startsWith("/suppressions")));
  const count = firing.data?.total ?? 0;
  return html`<header class="head">
    <a class="brand" href="/" aria-label="camwatch, overview"><img src="/assets/favicon.svg" alt="" width="22" height="22" /><span>camwatch</span></a>
    <nav class="menu" aria-label="Main">
      ${MENU.map(
        ([to, name]) =>
          html`<a key=${to} href=${to} aria-current=${isAt(to) ? "page" : undefined}>
            ${name}${to === "/alerts" && count > 0 && html` <span class="count count-firing">${format.number(count)}<span class="sr"> firing</span></span>`}
          </a>`,
      )}
    </nav>
    <div class="head-end">
      <${Link} status=${status} />
      ${me && html`<span class="who" title=${me.open ? "No users are configured: who reaches this address may change things" : `Signed in as ${me.name}`}>${me.name}<span class="muted">, ${me.role}</span></span>`}
    </div>
  </header>`;
}

const LINKS = {
  live: ["live", "Live", "The daemon tells when something changes"],
  polling: ["polling", "Asking", "No word from the daemon: it is asked every 15 s"],
  files: ["live", "From files", "What was read from files: nothing new comes"],
  connecting: ["polling", "Connecting", "Waiting for the daemon"],
};

/** How fresh the page is: not by colour alone. */
function Link({ status }) {
  const link = useLink();
  const [look, word, title] = LINKS[status?.interfaces.length === 0 && link === "live" ? "files" : link];
  return html`<span class="link link-${look}" title=${title}>
    <i aria-hidden="true"></i>${word}${status?.now && html`<span class="muted until">, data until <time datetime=${status.now} title=${format.exact(Date.parse(status.now))}>${format.moment(Date.parse(status.now))} UTC</time></span>`}
  </span>`;
}

function NotFound() {
  return html`<div class="page-head"><h1 tabindex="-1">There is no such page</h1></div>
    <p><a href="/">Go to the overview</a></p>`;
}

start();
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
