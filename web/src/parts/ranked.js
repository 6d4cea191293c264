// A ranked list: names with bars.
import { html } from "htm/preact";
import { number } from "../format.js";

/** `columns` are the figures beside the name: [label, of(row), class]. */
export function Ranked({ caption, rows, name, nameLabel, value, valueLabel, columns = [], empty }) {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const most = Math.max(1, ...rows.map(value));
  return html`<div class="scroll" role="group" aria-label=${caption} tabindex="0">
    <table class="ranked">
      <caption class="sr">${caption}</caption>
      <thead>
        <tr>
          <th scope="col">${nameLabel}</th>
          <th scope="col" class="numeric">${valueLabel}</th>
          ${columns.map(([label, , extra = ""]) => html`<th scope="col" class="numeric ${extra}">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, at) =>
            html`<tr key=${at}>
              <th scope="row">
                <span class="ranked-name">${name(row)}</span>
                <span class="bar" aria-hidden="true"><span style=${{ width: `${Math.max(0.5, (100 * value(row)) / most)}%` }}></span></span>
              </th>
              <td class="numeric">${number(value(row))}</td>
              ${columns.map(([, of, extra = ""]) => html`<td class="numeric ${extra}">${of(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
