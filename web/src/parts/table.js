// Tables: sorted and paged by the daemon, filtered by fields above them.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { number, plural } from "../format.js";

/**
 * `columns`: { key, label, sort: what the daemon calls it, numeric, first: "asc" where up is the natural first order, rank: 1 is
 * left out on small screens, 2 on middling ones, cell(row) }.
 */
export function Table({ caption, columns, rows, keyOf, sort, order, onSort, busy, empty = "Nothing." }) {
  const head = (column) => {
    const isSorted = column.sort && column.sort === sort;
    const direction = isSorted ? (order === "asc" ? "ascending" : "descending") : undefined;
    const turn = () => {
      const first = column.first ?? (column.numeric ? "desc" : "asc");
      const turned = order === "asc" ? "desc" : "asc";
      onSort({ sort: column.sort, order: isSorted ? turned : first });
    };
    return html`<th key=${column.key} scope="col" class=${classes(column)} aria-sort=${direction}>
      ${column.sort && onSort
        ? html`<button type="button" class="sort" onClick=${turn}>
            ${column.label}<span class="arrow" aria-hidden="true">${isSorted ? (order === "asc" ? "↑" : "↓") : ""}</span>
          </button>`
        : column.label}
    </th>`;
  };
  return html`<div class="scroll ${busy ? "busy" : ""}" role="group" aria-label=${caption} tabindex="0" aria-busy=${busy ? "true" : undefined}>
    <table>
      <caption class="sr">${caption}</caption>
      <thead><tr>${columns.map(head)}</tr></thead>
      <tbody>
        ${rows.map(
          (row, at) =>
            html`<tr key=${keyOf ? keyOf(row) : at}>
              ${columns.map((column, place) => {
                const content = column.cell(row);
                return place === 0
                  ? html`<th scope="row" class=${classes(column)}>${content}</th>`
                  : html`<td class=${classes(column)}>${content}</td>`;
              })}
            </tr>`,
        )}
        ${rows.length === 0 && html`<tr><td class="empty" colspan=${columns.length}>${empty}</td></tr>`}
      </tbody>
    </table>
  </div>`;
}

const classes = (column) => [column.numeric && "numeric", column.rank && `rank-${column.rank}`, column.class].filter(Boolean).join(" ");

/** "1–50 of 3,412", and the ways on. */
export function Pager({ page, limit, total, href, what, many = `${what}s` }) {
  const offset = (page - 1) * limit;
  const last = Math.max(1, Math.ceil(total / limit));
  const step = (to, label, name) =>
    to < 1 || to > last || to === page
      ? html`<span class="button disabled" aria-hidden="true">${label}</span>`
      : html`<a class="button" href=${href({ page: to })} aria-label=${name}>${label}</a>`;
  return html`<nav class="pager" aria-label="Pages of this list">
    <span role="status">
      ${total === 0 ? `No ${many}` : html`${number(offset + 1)}–${number(Math.min(total, offset + limit))} of ${plural(total, what, many)}`}
    </span>
    ${last > 1 &&
    html`<span class="pager-steps">
      ${step(1, "First", "First page")}${step(page - 1, "Previous", "Previous page")}
      <span>Page ${number(page)} of ${number(last)}</span>
      ${step(page + 1, "Next", "Next page")}${step(last, "Last", "Last page")}
    </span>`}
  </nav>`;
}

/** A field to search by; what is typed goes into the address when it rests. */
export function Search({ value, onSearch, label, placeholder }) {
  const [text, setText] = useState(value);
  const id = useId();
  const timer = useRef(null);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setText(value);
    sent.current = value;
  }, [value]);
  const send = (next) => {
    clearTimeout(timer.current);
    sent.current = next.trim();
    onSearch(next.trim());
  };
  const typed = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => send(next), 250);
  };
  return html`<form class="field grow" role="search" onSubmit=${(event) => (event.preventDefault(), send(text))}>
    <label for=${id}>${label}</label>
    <input id=${id} type="search" value=${text} placeholder=${placeholder} onInput=${typed} autocomplete="off" spellcheck=${false} />
  </form>`;
}

/** One of several values, or all; `options` are { value, count, name }. */
export function Choose({ label, value, options, onChoose, all = "All", class: extra = "" }) {
  const id = useId();
  const known = value === "" || options.some((option) => option.value === value);
  return html`<div class="field ${extra}">
    <label for=${id}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChoose(event.target.value)}>
      <option value="">${all}</option>
      ${!known && html`<option value=${value}>${value}</option>`}
      ${options.map(
        (option) =>
          html`<option key=${option.value} value=${option.value}>
            ${`${option.name ?? option.value}${option.count == null ? "" : ` (${number(option.count)})`}`}
          </option>`,
      )}
    </select>
  </div>`;
}
