// Doing something: a button, a dialogue where words are needed, and what came of it.
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { useMe } from "./basics.js";

const NAME = "camwatch-name";

/** Who acts: by name where users are configured, else as they say. */
export function useWho() {
  const me = useMe();
  const [who, setWho] = useState(() => localStorage.getItem(NAME) ?? "");
  const keep = (name) => {
    setWho(name);
    localStorage.setItem(NAME, name);
  };
  const isOpen = me?.open ?? false;
  return { isOpen, who, setWho: keep, body: isOpen && who.trim() ? { who: who.trim() } : {} };
}

export const WhoField = ({ by }) =>
  by.isOpen ? html`<${Field} label="Your name" value=${by.who} onInput=${by.setWho} hint="Stands in the audit trail; empty: local" autocomplete="name" />` : null;

/** A labelled field; `problem` is read out with it. */
export function Field({ label, value, onInput, hint, problem, type = "text", required, rows, class: extra = "", ...rest }) {
  const id = useId();
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ") || undefined;
  const common = { id, value, required, onInput: (event) => onInput(event.target.value), "aria-describedby": described, "aria-invalid": problem ? "true" : undefined, ...rest };
  return html`<div class="form-field ${extra}">
    <label for=${id}>${label}${required && html` <span class="muted">(needed)</span>`}</label>
    ${rows ? html`<textarea rows=${rows} ...${common}></textarea>` : html`<input type=${type} ...${common} />`}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${problem && html`<span class="problem" id="${id}-problem">${problem}</span>`}
  </div>`;
}

/** A dialogue of the browser's own: it keeps the focus and gives it back. */
export function Dialogue({ title, open, onClose, children }) {
  const ref = useRef(null);
  const id = useId();
  // It is told that it closed a moment later, when it may have been opened again: then that is no news.
  const isOurs = useRef(false);
  // Together with what it shows: it never stands there empty, and the focus is back before anything is seen.
  useLayoutEffect(() => {
    if (open && !ref.current.open) ref.current.showModal();
    if (!open && ref.current.open) {
      isOurs.current = true;
      ref.current.close();
    }
  }, [open]);
  const cancelled = (event) => {
    event.preventDefault();
    onClose();
  };
  const closed = () => {
    if (!isOurs.current) onClose();
    isOurs.current = false;
  };
  return html`<dialog ref=${ref} aria-labelledby=${id} onCancel=${cancelled} onClose=${closed}>
    ${open && html`<h2 id=${id}>${title}</h2>${children}`}
  </dialog>`;
}

/** Runs something once at a time: { run, busy, error }. */
export function useAct() {
  const [state, setState] = useState({ busy: false, error: null });
  const run = async (work) => {
    setState({ busy: true, error: null });
    try {
      const result = await work();
      setState({ busy: false, error: null });
      return { result };
    } catch (error) {
      setState({ busy: false, error });
      return null;
    }
  };
  return { run, ...state };
}

/** What came of it, read out and shown. */
export const Outcome = ({ error, done }) =>
  html`<div role="status">${done && html`<p class="notice notice-good">${done}</p>`}</div>
    ${error && html`<p class="notice notice-bad" role="alert">${error.message}</p>`}`;
