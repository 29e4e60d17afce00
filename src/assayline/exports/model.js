// A row in, a prediction out: what a plan and a predictor of Assayline do, driven by their JSON, with nothing loaded from anywhere.
"use strict";

const number = (value) => (value === "nan" ? NaN : value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);
const finite = (value) => (Number.isFinite(value) ? value : NaN);

// -- cells: one function for each way of reading a column (the twins of framing/column.py) ------------------------------

const NULLS = new Set(["", "?", "??", "???", "na", "n/a", "#n/a", "<na>", "nan", "null", "<null>", "(null)", "nat", "\\n", "#null!", "#value!", "#ref!"]);
const CURRENCIES = new Set([..."$€£¥₹₽₩₺", "usd", "eur", "gbp", "chf", "jpy", "cad", "aud", "inr", "cny", "rs", "us$", "r$", "kr", "zł", "sek", "nok", "dkk", "pln", "brl"]);
const NUMBER = /^(\()?([+\-−]?)\s?([^\d\s.,+\-−()']{0,3})\s?([+\-−]?)(\d(?:[\d.,'_’ \u00a0\u202f]*\d)?|[.,]\d+)[.]?([eE][+-]?\d+)?\s?([^\d\s.,()]{0,7}[23²]?)(\))?\s*$/u;

const folded = (text) => text.toLowerCase().replaceAll("ß", "ss");

function trimmed(text) {
  let short = text.trim();
  while (short.length >= 2 && short[0] === short.at(-1) && "'\"`".includes(short[0])) short = short.slice(1, -1).trim();
  if (short.endsWith(".")) short = short.replace(/[. ]+$/, "");
  return short.replace(/\s+/gu, " ");
}

function label(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return Number.isNaN(value) ? null : String(value);
  const short = folded(trimmed(String(value)));
  if (NULLS.has(short)) return null;
  const whole = /^(-?(?:0|[1-9][0-9]*))\.0*$/.exec(short);
  return whole ? whole[1] : short;
}

function splitNumber(text, comma, units) {
  const short = text.trim().replace(/^['"]+|['"]+$/g, "").trim();
  const found = short.length <= 64 ? NUMBER.exec(short) : null;
  if (!found || Boolean(found[1]) !== Boolean(found[8]) || (found[2] && found[4])) return null;
  const before = folded(found[3]);
  let after = folded(found[7]);
  if (before && !CURRENCIES.has(before)) return null;
  if (CURRENCIES.has(after)) after = "";
  if (after && !(after in units)) return null;
  let body = found[5];
  if (/[ '_’\u00a0\u202f]/.test(body)) {
    if (!/^\d{1,3}(?:[ '_’\u00a0\u202f]\d{3})+(?![\d ])/.test(body)) return null;
    body = body.replace(/[ '_’\u00a0\u202f]/g, "");
  }
  if (comma) body = body.replaceAll(".", "").replaceAll(",", ".");
  else if (body.includes(",")) {
    if (/^\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?$/.test(body)) body = body.replaceAll(",", "");
    else if (/^\d*,\d+$/.test(body)) body = body.replace(",", ".");
    else return null;
  }
  if (!/^\d*\.?\d*$/.test(body)) return null;
  const amount = Number(body + (found[6] || ""));
  const negative = found[1] || "-−".includes(found[2] || found[4] || " ");
  return [negative ? -amount : amount, after];
}

function readNumber(value, style) {
  if (typeof value === "boolean") value = value ? 1 : 0;
  if (typeof value === "number") return finite(value * style.factor + style.offset);
  if (typeof value !== "string") return NaN;
  if (!style.comma && /^\s*[+-]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(value)) return finite(Number(value.replaceAll("_", "")) * style.factor + style.offset);
  const read = splitNumber(value, style.comma, style.units);
  if (!read) return NaN;
  const [factor, offset] = read[1] ? style.units[read[1]] : [style.factor, style.offset];
  return finite(read[0] * factor + offset);
}

// Whether two texts differ by one letter added, left out, replaced or swapped, inside a word of five letters or more.
function oneSlip(one, other) {
  if (Math.abs(one.length - other.length) > 1 || one === other) return false;
  const shortest = Math.min(one.length, other.length);
  let begin = 0, end = 0;
  while (begin < shortest && one[begin] === other[begin]) begin++;
  while (end < shortest - begin && one[one.length - 1 - end] === other[other.length - 1 - end]) end++;
  const left = one.slice(begin, one.length - end), right = other.slice(begin, other.length - end);
  const swapped = left.length === 2 && right.length === 2 && left === right[1] + right[0];
  if (!(swapped || (left.length <= 1 && right.length <= 1)) || !/^\p{L}+$/u.test(left + right)) return false;
  const shorter = one.length <= other.length ? one : other, letter = (at) => /\p{L}/u.test(shorter[at]);
  let from = begin, to = begin;
  while (from > 0 && letter(from - 1)) from--;
  while (to < shorter.length && letter(to)) to++;
  return to - from >= 4;
}

function codeOf(found, column) {
  if (Object.hasOwn(column.codes, found)) return column.codes[found];
  if (found.length < 5 || found.length > 64) return column.unseen;
  const near = column.labels.filter((one) => one.length >= 5 && one.length <= 64 && oneSlip(found, one));
  return near.length === 1 ? column.codes[near[0]] : column.unseen;
}

const DAY = 86400000000;
const CLOCK = "(?:[T ,]+(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:[.,](\\d{1,9}))?)?\\s?([AaPp]\\.?[Mm]\\.?)?\\s?(Z|z|UTC|GMT|[+\\-]\\d{2}:?\\d{2})?)?$";
const YEAR_FIRST = new RegExp("^(\\d{4})([-/.])(\\d{1,2})\\2(\\d{1,2})" + CLOCK);
const YEAR_LAST = new RegExp("^(\\d{1,2})([-/.])(\\d{1,2})\\2(\\d{4}|\\d{2})" + CLOCK);

function wall(micros, zone) {
  if (!zone) return micros;
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(micros / 1000).map((part) => [part.type, Number(part.value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) * 1000 + (micros % 1000000);
}

function micros(value, style) {
  if (typeof value === "number") {
    const size = Math.abs(value);
    return size >= 1e8 && size < 5e9 ? Math.trunc(value * 1e6) : size >= 1e11 && size < 5e12 ? Math.trunc(value * 1e3) : size >= 1e14 && size < 5e15 ? Math.trunc(value) : null;
  }
  if (typeof value !== "string") return null;
  const short = value.trim().replace(/^['"]+|['"]+$/g, "");
  if (short.length > 40 || short.length < 6) return null;
  let year, month, day, rest, found = YEAR_FIRST.exec(short);
  if (found) [year, month, day, rest] = [Number(found[1]), Number(found[3]), Number(found[4]), found.slice(5)];
  else if ((found = YEAR_LAST.exec(short))) {
    [day, month] = style.day_first ? [Number(found[1]), Number(found[3])] : [Number(found[3]), Number(found[1])];
    if (month > 12 && day <= 12) [day, month] = [month, day];
    year = found[4].length === 4 ? Number(found[4]) : Number(found[4]) + (Number(found[4]) < 69 ? 2000 : 1900);
    rest = found.slice(5);
  } else return null;
  let hour = Number(rest[0] || 0);
  if (rest[4]) hour = (hour % 12) + ("pP".includes(rest[4][0]) ? 12 : 0);
  const minute = Number(rest[1] || 0), second = Math.min(Number(rest[2] || 0), 59), part = Number((rest[3] || "0").padEnd(6, "0").slice(0, 6));
  const made = new Date(0);
  made.setUTCFullYear(year, month - 1, day);
  if (year < 1 || made.getUTCMonth() !== month - 1 || made.getUTCDate() !== day || hour > 24 || minute > 59) return null;
  const moment = made.getTime() * 1000 + ((hour % 24) * 3600 + minute * 60 + second) * 1000000 + part;
  if (hour === 24) return moment + DAY;
  if (!rest[5]) return moment;
  const sign = rest[5][0];
  const offset = sign === "+" || sign === "-" ? (Number(rest[5].slice(1, 3)) * 60 + Number(rest[5].slice(-2))) * (sign === "-" ? -1 : 1) : 0;
  return wall(moment - offset * 60000000, style.zone);
}

function timeParts(value, column) {
  const moment = micros(value, column.time);
  if (moment === null) return column.parts.map(() => NaN);
  const days = Math.floor(moment / DAY), rest = moment - days * DAY, date = new Date(days * 86400000);
  const every = {
    elapsed_days: (moment - column.reference) / DAY, year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(),
    weekday: (((days + 3) % 7) + 7) % 7, hour: rest / 3600000000,
  };
  return column.parts.map((part) => every[part]);
}

const bytes = (text) => new TextEncoder().encode(text);

function hashes(value, column) {
  const found = label(value);
  if (found === null) return column.multipliers.map(() => NaN);
  const raw = bytes(" " + [...found].slice(0, column.longest).join("") + " "), grams = new Set();
  for (let at = 0; at + 2 < raw.length; at++) grams.add(raw[at] | (raw[at + 1] << 8) | (raw[at + 2] << 16));
  return column.multipliers.map((factor, at) => {
    let least = null;
    for (const gram of grams) {
      const mixed = BigInt.asUintN(64, BigInt(gram) * BigInt(factor) + BigInt(column.addends[at]));
      if (least === null || mixed < least) least = mixed;
    }
    return Number(least >> 32n) / 4294967296;
  });
}

function crc32(raw) {
  let crc = 0xffffffff;
  for (const byte of raw) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function texts(value, column) {
  const width = 2 + column.words.length + column.buckets;
  const short = typeof value === "string" ? [...value.trim()].slice(0, column.longest).join("") : "";
  if (!short) return new Array(width).fill(NaN);
  const words = folded(short).split(/[^\p{L}\p{N}_]+/u).filter(Boolean).slice(0, column.most_words), made = new Array(width).fill(0);
  made[0] = [...short].length;
  made[1] = words.length;
  for (const word of words) {
    const at = column.words.indexOf(word);
    if (at >= 0) made[2 + at] = 1;
    else made[2 + column.words.length + (crc32(bytes(word)) % column.buckets)] += 1;
  }
  return made;
}

const READERS = {
  number: (value, column) => [readNumber(value, column.number)],
  truth: (value, column) => [label(value) === null ? NaN : column.truth[label(value)] ?? NaN],
  code: (value, column) => [label(value) === null ? NaN : codeOf(label(value), column)],
  word: (value, column) => [typeof value !== "string" || !Number.isNaN(readNumber(value, column.number)) || label(value) === null ? NaN : codeOf(label(value), column)],
  time: timeParts,
  hash: hashes,
  text: texts,
  missing: (_, column) => new Array(column.width).fill(NaN),
};

function encode(plan, row) {
  return plan.columns.flatMap((column) => {
    let value = row[column.name];
    for (const name of column.path) value = value !== null && typeof value === "object" ? value[name] : null;
    return READERS[column.reading](value, column);
  });
}

// -- predictors: one function for each kind ----------------------------------------------------------------------------

const sigmoid = (score) => (score < 0 ? Math.exp(score) / (1 + Math.exp(score)) : 1 / (1 + Math.exp(-score)));
const sum = (values) => values.reduce((one, other) => one + other, 0);

function softmax(scores) {
  const most = Math.max(...scores), powers = scores.map((score) => Math.exp(score - most)), total = sum(powers);
  return powers.map((power) => power / total);
}

function leafOf(tree, x) {
  let node = tree.columns.length ? 0 : -1;
  while (node >= 0) {
    let value = x[tree.columns[node]], left;
    const decision = tree.decisions[node], kind = decision >> 2;
    if (decision & 1) {
      const begin = tree.bounds[tree.thresholds[node]], length = tree.bounds[tree.thresholds[node] + 1] - begin, code = Math.trunc(value);
      left = code >= 0 && code < 32 * length && ((tree.words[begin + Math.floor(code / 32)] >>> (code % 32)) & 1) === 1;
    } else {
      if (Number.isNaN(value) && kind !== 2) value = 0;
      const missing = kind === 2 ? Number.isNaN(value) : kind === 1 && Math.abs(value) <= 1.0000000180025095e-35;
      left = missing ? (decision & 2) !== 0 : value <= tree.thresholds[node];
    }
    node = left ? tree.lefts[node] : tree.rights[node];
  }
  return tree.values[-1 - node];
}

function mapped(model, at, p) {
  const x = model.xs[at], y = model.ys[at];
  if (model.method === "platt") {
    const inside = Math.min(Math.max(p, 1e-12), 1 - 1e-12);
    return sigmoid(x[0] * (Math.log(inside) - Math.log1p(-inside)) + y[0]);
  }
  if (p <= x[0]) return y[0];
  for (let knot = 1; knot < x.length; knot++) if (p < x[knot]) return y[knot - 1] + (y[knot] - y[knot - 1]) * ((p - x[knot - 1]) / (x[knot] - x[knot - 1]));
  return y.at(-1);
}

// Columns that are made of others: what is made of a missing value is missing, and so is what is too large for a number.
const TERMS = {
  same: (first) => first,
  bins: (first, _, knots) => (Number.isNaN(first) ? NaN : knots.filter((knot) => knot <= first).length),
  above: (first, _, knots) => finite(Math.max(first - knots[0], 0)),
  sum: (first, second) => finite(first + second),
  difference: (first, second) => finite(first - second),
  product: (first, second) => finite(first * second),
  ratio: (first, second) => finite(first / second),
};

const KINDS = {
  constant: (model) => model.values,
  columns: (model, x) => predict(model.inner, model.columns.map((column) => x[column])),
  expanded: (model, x) => predict(model.inner, model.terms.map(([kind, columns, knots]) => TERMS[kind](x[columns[0]], x[columns[1]], knots))),
  rescaled: (model, x) => {
    const said = predict(model.inner, x)[0], linked = model.link === "exp" ? Math.exp(Math.min(said, 700)) : said;
    return [Math.min(Math.max(linked * model.factor + model.shift, number(model.bounds[0])), number(model.bounds[1]))];
  },
  blend: (model, x) => model.inner.map((one) => predict(one, x)).reduce((total, said, at) => said.map((value, place) => (total[place] ?? 0) + model.weights[at] * value), []),
  interval: (model, x) => predict(model.inner, x),
  linear: (model, x) => {
    const view = model.layout, dense = view.numbers.map((column, at) => {
      const value = Number.isNaN(x[column]) ? view.medians[at] : x[column];
      return (Math.min(Math.max(value, view.lows[at]), view.highs[at]) - view.means[at]) / view.scales[at];
    });
    view.codes.forEach((column, at) => dense.push(...view.kept[at].map((code) => (x[column] === code ? 1 : 0))));
    dense.push(...view.marked.map((column) => (Number.isNaN(x[column]) ? 1 : 0)));
    const scores = model.coefficients.map((line, output) => sum(line.map((weight, at) => weight * dense[at])) + model.intercept[output]);
    if (model.link === "identity") return scores;
    return model.link === "logit" ? [1 - sigmoid(scores[0]), sigmoid(scores[0])] : softmax(scores);
  },
  boosted: (model, x) => {
    const scores = new Array(model.outputs).fill(0);
    model.trees.forEach((tree, at) => (scores[at % model.outputs] += leafOf(tree, x)));
    if (model.average) scores.forEach((score, at) => (scores[at] = score / (model.trees.length / model.outputs)));
    const score = scores[0], each = scores.map((one) => sigmoid(model.slope * one)), total = sum(each);
    if (model.link === "softmax") return softmax(scores);
    if (model.link === "each") return each.map((one) => one / (total > 0 ? total : 1));
    if (model.link === "sigmoid") return model.classes ? [1 - each[0], each[0]] : each;
    return [model.link === "exp" ? Math.exp(score) : model.link === "log1p_exp" ? Math.log1p(Math.exp(score)) : model.link === "signed_square" ? score * Math.abs(score) : score];
  },
  seasonal: (model, x) => {
    for (const memory of model.memories) {
      let said;
      if ("column" in memory) {
        const seen = x[memory.column];
        said = !model.classes ? [seen] : seen >= 0 && seen < model.classes ? memory.transitions[Math.trunc(seen)] : [NaN];
      } else {
        let cell = 0, known = true;
        memory.columns.forEach((column, at) => {
          known = known && x[column] >= 0 && x[column] < memory.sizes[at];
          cell = cell * memory.sizes[at] + Math.floor(x[column]);
        });
        said = known ? [memory.values[cell]].flat().map(number) : [NaN];
      }
      if (!said.some(Number.isNaN)) return said;
    }
    return model.fallback;
  },
  calibrated: (model, x) => {
    const said = predict(model.inner, x);
    if (model.method === "temperature") return softmax(said.map((p) => Math.log(Math.max(p, 1e-12)) / model.xs[0][0]));
    if (said.length === 2) return [1 - mapped(model, 0, said[1]), mapped(model, 0, said[1])];
    const each = said.map((p, at) => mapped(model, at, p)), total = sum(each);
    return total > 0 ? each.map((p) => p / total) : said;
  },
};

// The prediction of one encoded row: [number], or the probabilities of the classes.
function predict(model, x) {
  return KINDS[model.kind](model, x);
}

// Low and high end of the interval of one encoded row, or null.
function interval(model, x) {
  if (model.kind !== "interval") return null;
  const point = predict(model.inner, x)[0];
  const wide = model.reach * (model.difficulty ? Math.max(predict(model.difficulty, x)[0], model.floor) : 1);
  return [point - wide, point + wide];
}

if (typeof module !== "undefined") module.exports = { encode, predict, interval, label, readNumber };
