// A page's heading, and its name in the window's title.
import { useEffect } from "preact/hooks";
import { html } from "htm/preact";

export function PageHead({ title, before, after, children }) {
  useEffect(() => {
    document.title = title === "Overview" ? "camwatch" : `${title} · camwatch`;
  }, [title]);
  return html`<div class="page-head">
    <div class="page-title">${before}<h1 tabindex="-1">${title}</h1>${after}</div>
    ${children && html`<div class="page-tools">${children}</div>`}
  </div>`;
}
