// The world, shaded by overseas attempts. The list of countries beside it says the same to who doesn't see it.
import { useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import world from "world";
import { country, number, plural } from "../format.js";
import { navigate } from "../router.js";

/** Steps of shade, each ten times the one before, up to the most. */
const STEPS = 5;

const stepOf = (attempts, most) => {
  if (attempts <= 0) return 0;
  const behind = Math.floor(Math.log10(most / attempts));
  return Math.max(1, STEPS - behind);
};

export function WorldMap({ countries, home }) {
  const frame = useRef(null);
  const [tip, setTip] = useState(null);
  const byCode = new Map(countries.filter((row) => row.country).map((row) => [row.country, row]));
  const overseas = countries.filter((row) => row.country && row.overseas && row.attempts > 0);
  const most = Math.max(1, ...overseas.map((row) => row.attempts));

  const shade = (code) => {
    if (home.includes(code)) return "home";
    const row = byCode.get(code);
    return row && row.overseas ? `s${stepOf(row.attempts, most)}` : "s0";
  };
  const point = (event, code) => {
    const box = frame.current.getBoundingClientRect();
    setTip({ code, x: event.clientX - box.left, y: event.clientY - box.top, right: event.clientX - box.left > box.width * 0.6 });
  };
  const on = (code) => ({
    onMouseMove: (event) => point(event, code),
    onMouseLeave: () => setTip(null),
    ...(byCode.has(code) ? { onClick: () => navigate(`/cameras?country=${code}`) } : {}),
  });
  const row = tip && byCode.get(tip.code);
  const summary = overseas.length
    ? `World map: ${plural(overseas.length, "country", "countries")} called overseas, most of all ${country(overseas[0].country)} with ${plural(overseas[0].attempts, "attempt")}.`
    : "World map: nobody was called overseas.";

  return html`<figure class="map" ref=${frame}>
    <svg viewBox="0 0 ${world.width} ${world.height}" role="img" aria-label=${summary}>
      <g transform="scale(${1 / world.scale})">
        ${world.shapes.map(([code, path], at) =>
          html`<path key=${at} d=${path} class="${code ? shade(code) : "s0"} ${code && byCode.has(code) ? "known" : ""}" ...${code ? on(code) : {}} />`)}
      </g>
      ${world.dots
        .filter(([code]) => byCode.has(code))
        .map(([code, x, y]) => html`<circle key=${code} cx=${x} cy=${y} r="5" class="${shade(code)} known" ...${on(code)} />`)}
    </svg>
    ${tip &&
    html`<div class="tip ${tip.right ? "tip-right" : ""}" style=${{ left: `${tip.x}px`, top: `${tip.y}px` }} aria-hidden="true">
      <strong>${country(tip.code)}</strong> <span class="muted">${tip.code}${home.includes(tip.code) ? ", home" : ""}</span>
      ${row ? html`<br />${plural(row.attempts, "attempt")}, ${number(row.answered)} answered<br />${plural(row.cameras, "camera")}, ${plural(row.destinations, "destination")}` : html`<br />not called`}
    </div>`}
    <figcaption class="legend" aria-hidden="true">
      <span><i class="swatch home"></i>home (${home.join(", ") || "none"})</span>
      <span class="ramp">fewer ${[1, 2, 3, 4, 5].map((step) => html`<i class="swatch s${step}"></i>`)} more attempts, each shade ten times the last</span>
    </figcaption>
  </figure>`;
}
