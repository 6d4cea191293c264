// The world as small SVG paths, one a country, from Natural Earth's shapes (public domain) by way of world-atlas.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoCentroid, geoNaturalEarth1, geoPath } from "d3-geo";
import { feature } from "topojson-client";

const require = createRequire(import.meta.url);
const countries = require("i18n-iso-countries");

const WIDTH = 960;
const HEIGHT = 460;
/** Coordinates are written as whole tenths. */
const SCALE = 10;
/** Nobody is called there, and it takes a fifth of the picture. */
const ANTARCTICA = "010";
/** What has no ISO number in the data. */
const UNNUMBERED = { Kosovo: "XK" };

const load = (name) => {
  const topology = JSON.parse(readFileSync(require.resolve(`world-atlas/${name}.json`), "utf8"));
  return feature(topology, topology.objects.countries).features.filter((shape) => shape.id !== ANTARCTICA);
};

const codeOf = (shape) =>
  (shape.id && countries.numericToAlpha2(shape.id)) || UNNUMBERED[shape.properties.name] || null;

/** Collects a path as relative steps in tenths: less than half of what absolute coordinates take. */
class Steps {
  text = "";
  at = [0, 0];
  start = [0, 0];
  step(letter, x, y) {
    const to = [Math.round(x * SCALE), Math.round(y * SCALE)];
    const [dx, dy] = [to[0] - this.at[0], to[1] - this.at[1]];
    if (letter === "l" && dx === 0 && dy === 0) return;
    this.text += `${letter}${dx}${dy < 0 ? "" : " "}${dy}`;
    this.at = to;
  }
  moveTo(x, y) {
    this.step("m", x, y);
    this.start = this.at;
  }
  lineTo(x, y) {
    this.step("l", x, y);
  }
  closePath() {
    this.text += "z";
    this.at = this.start;
  }
  arc() {}
}

/** `{ width, height, scale, shapes: [[code|null, path]], dots: [[code, x, y]] }` */
export function world() {
  const [coarse, fine] = [load("countries-110m"), load("countries-50m")];
  const all = { type: "FeatureCollection", features: coarse };
  const projection = geoNaturalEarth1().fitExtent([[2, 2], [WIDTH - 2, HEIGHT - 2]], all);
  const shapes = coarse.map((shape) => {
    const steps = new Steps();
    geoPath(projection, steps)(shape);
    return [codeOf(shape), steps.text];
  });
  // Singapore, Hong Kong, Malta: too small to have a shape, large enough to host a cloud.
  const drawn = new Set(shapes.map(([code]) => code));
  const dots = fine
    .map((shape) => [codeOf(shape), projection(geoCentroid(shape))])
    .filter(([code]) => code && !drawn.has(code))
    .map(([code, [x, y]]) => [code, Math.round(x), Math.round(y)]);
  return { width: WIDTH, height: HEIGHT, scale: SCALE, shapes, dots };
}
