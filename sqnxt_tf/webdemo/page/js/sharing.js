// A drawing in the address after the #, which browsers keep from the host: "#drawing=" and base64url (RFC 4648).
//
// The bytes: a version; then for each stroke two bytes with its number of points, and two bytes, x and y, for each point.
// A side of the pad is 255. Whoever opens the address gets strokes or nothing: the text is measured, checked and copied
// into numbers, and never run.

const NAME = "drawing";
const VERSION = 1;
const MOST_CHARACTERS = 12000; // a drawing of MOST_POINTS in as many strokes
const MOST_STROKES = 200;
const MOST_POINTS = 3000;
const NEAREST = 2; // of 255: points that are closer to the one before are left out

/** The fragment for strokes (lists of [x, y] on a pad with that side), or "" where they are none or too many. */
export function toFragment(strokes, side) {
  const kept = strokes.map((stroke) => thinned(stroke.map((point) => point.map((value) => toByte(value, side)))));
  const points = kept.reduce((sum, stroke) => sum + stroke.length, 0);
  if (!points || kept.length > MOST_STROKES || points > MOST_POINTS) return "";
  const bytes = [VERSION, ...kept.flatMap((stroke) => [stroke.length >> 8, stroke.length & 255, ...stroke.flat()])];
  const text = btoa(String.fromCharCode(...bytes));
  return `#${NAME}=${text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** The strokes of a fragment, or null where it holds no drawing of this form. */
export function fromFragment(fragment, side) {
  const prefix = `#${NAME}=`;
  if (!fragment.startsWith(prefix) || fragment.length > MOST_CHARACTERS) return null;
  const text = fragment.slice(prefix.length);
  if (!/^[\w-]+$/.test(text)) return null;
  const bytes = toBytes(text);
  if (bytes?.[0] !== VERSION) return null;
  const strokes = [];
  let points = 0;
  for (let at = 1; at < bytes.length; ) {
    const count = (bytes[at] << 8) | bytes[at + 1];
    const end = at + 2 + 2 * count;
    points += count;
    if (!(count > 0 && end <= bytes.length) || points > MOST_POINTS || strokes.length >= MOST_STROKES) return null;
    strokes.push(pairs(bytes.subarray(at + 2, end)).map((point) => point.map((value) => (value / 255) * side)));
    at = end;
  }
  return strokes.length ? strokes : null;
}

/** Null where the text has a length that no bytes have. */
function toBytes(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

function pairs(bytes) {
  return Array.from({ length: bytes.length / 2 }, (_, index) => [bytes[2 * index], bytes[2 * index + 1]]);
}

function toByte(value, side) {
  return Math.min(Math.max(Math.round((value / side) * 255), 0), 255);
}

/** The points without those that hardly differ from the one before; first and last stay. */
function thinned(points) {
  const kept = points.slice(0, 1);
  for (const [x, y] of points.slice(1)) {
    const [beforeX, beforeY] = kept.at(-1);
    if (Math.hypot(x - beforeX, y - beforeY) > NEAREST) kept.push([x, y]);
  }
  const last = points.at(-1);
  if (kept.at(-1) !== last && points.length > 1) kept.push(last);
  return kept;
}
