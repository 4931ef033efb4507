// Pictures as bytes, resized bit for bit as pillow does it, so that the page's answers are Python's.
//
// A picture is {width, height, channels, data}: data holds rows of pixels of 1 (grey) or 3 (RGB) bytes each.

const PRECISION_BITS = 22; // pillow's fixed point for 8-bit pictures: 32 - 8 - 2

/** RGBA bytes of a canvas as a grey or RGB picture; what is transparent has been laid on white before. */
export function fromRgba({ width, height, data: rgba }, channels) {
  const data = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const [red, green, blue] = [rgba[from], rgba[from + 1], rgba[from + 2]];
    if (channels === 1) {
      data[to++] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16; // ITU-R 601, as pillow's "L"
    } else {
      data[to++] = red;
      data[to++] = green;
      data[to++] = blue;
    }
  }
  return { width, height, channels, data };
}

/** A grey picture in as many channels as asked for. */
export function spread(grey, channels) {
  if (channels === 1) return grey;
  const data = new Uint8Array(grey.data.length * channels);
  grey.data.forEach((value, index) => data.fill(value, index * channels, (index + 1) * channels));
  return { ...grey, channels, data };
}

/** The picture at width x height: stretched, or by its largest centred part of that shape. */
export function fit(picture, width, height, rule) {
  if (picture.width === width && picture.height === height) return picture;
  let box = [0, 0, picture.width, picture.height];
  if (rule === "short_side_crop") {
    const ratio = Math.min(picture.width / width, picture.height / height);
    const [boxWidth, boxHeight] = [ratio * width, ratio * height];
    const left = Math.max((picture.width - boxWidth) / 2, 0);
    const top = Math.max((picture.height - boxHeight) / 2, 0);
    box = [left, top, Math.min(left + boxWidth, picture.width), Math.min(top + boxHeight, picture.height)];
  }
  return resize(picture, width, height, box.map(Math.fround)); // pillow keeps the box as 32-bit floats
}

/** Pillow's bilinear filter over a box of the picture, rounded to bytes between its two passes. */
export function resize(picture, width, height, [left, top, right, bottom]) {
  const across = (from) => ({ ...from, width, data: alongRows(from, weights(from.width, left, right, width)) });
  const down = (from) => ({ ...from, height, data: alongColumns(from, weights(from.height, top, bottom, height)) });
  // Pillow 13 and later begin with the pass that shortens more; earlier ones went across first.
  const shorter = picture.height - height;
  const downFirst = shorter > 0 && shorter > 2 * (picture.width - width);
  return downFirst ? across(down(picture)) : down(across(picture));
}

function alongRows({ width, height, channels, data }, table) {
  const lines = { count: height, from: width * channels, to: table.length * channels };
  return along(data, table, lines, channels, channels);
}

function alongColumns({ width, channels, data }, table) {
  return along(data, table, { count: width, from: channels, to: channels }, width * channels, channels);
}

/** For each of `size` results: the first source pixel that counts, and the weights of it and its neighbours. */
function weights(sourceSize, start, end, size) {
  const scale = Math.fround(end - start) / size;
  const support = Math.max(scale, 1); // a shrunken picture averages all that it covers
  return Array.from({ length: size }, (_, index) => {
    const centre = start + (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), sourceSize);
    const taps = Array.from({ length: last - first }, (_, tap) =>
      Math.max(1 - Math.abs((first + tap - centre + 0.5) * (1 / support)), 0));
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return { first, taps: taps.map((tap) => Math.trunc(0.5 + (tap / (sum || 1)) * (1 << PRECISION_BITS))) };
  });
}

/** One pass: every line of the source becomes one of the result, `step` bytes from pixel to pixel in both. */
function along(source, table, lines, step, channels) {
  const result = new Uint8Array(lines.count * table.length * channels);
  for (let line = 0; line < lines.count; line++) {
    for (let channel = 0; channel < channels; channel++) {
      table.forEach(({ first, taps }, index) => {
        let sum = 1 << (PRECISION_BITS - 1);
        let from = line * lines.from + first * step + channel;
        for (const tap of taps) {
          sum += source[from] * tap;
          from += step;
        }
        result[line * lines.to + index * step + channel] = Math.min(sum / (1 << PRECISION_BITS), 255);
      });
    }
  }
  return result;
}
